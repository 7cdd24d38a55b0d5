"""Command `klaviyo-streams doctor`: check everything that a worker needs."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import orjson

from agents.admin.doctor.kafka_facts import gather_kafka_facts, topic_needs
from agents.admin.doctor.klaviyo_facts import gather_klaviyo_facts
from agents.admin.doctor.machine_facts import gather_machine_facts
from agents.cli.support.settings_options import (
    read_settings,
    read_worker,
    settings_option,
)
from agents.shared import logging
from agents.shared.context import clock_ms, kafka_access
from streams.destination.model import Destination
from streams.doctor.findings import (
    Finding,
    exit_code,
    failed,
    passed,
    skipped,
    warned,
)
from streams.doctor.kafka import check_kafka, check_same_partitions
from streams.doctor.klaviyo import KlaviyoFacts, check_klaviyo
from streams.doctor.machine import check_machine
from streams.errors import ConfigError
from streams.settings import Settings

KLAVIYO_LIMIT_S: Final = 8.0
"""Longest time for all checks of Klaviyo; with Kafka's 21 s the command ends in 30."""


@click.command()
@settings_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON a check.")
@click.pass_context
def doctor(ctx: click.Context, *, settings_path: Path | None, as_json: bool) -> None:
    """Check settings, Kafka, Klaviyo and this machine, and print each fix.

    Nothing is changed. The exit code is 0 if all is well, 1 after a warning, and 2
    after a failure.

    \b
    Examples:
      klaviyo-streams doctor --settings settings.yaml
      klaviyo-streams doctor --json
    """  # noqa: D301 - click reads the backspace
    logging.configure_logging("error")
    findings = [*_find_all(settings_path)]
    for finding in findings:
        click.echo(orjson.dumps(asdict(finding)) if as_json else _line(finding))
    ctx.exit(exit_code(findings))


def _line(finding: Finding) -> str:
    line = f"{finding.status:8} {finding.check}: {finding.detail}"
    return f"{line}\n         fix: {finding.fix}" if finding.fix else line


def _find_all(settings_path: Path | None) -> Iterator[Finding]:
    try:
        settings = read_settings(settings_path)
    except ConfigError as error:
        yield from _config_failures(error)
        for area in ("kafka", "klaviyo", "machine"):
            yield skipped(area, because="the settings are not valid")
        return
    clock_s = None
    try:
        worker_settings, destination = read_worker(settings_path)
    except ConfigError as error:
        yield from _config_failures(error)
        yield skipped("klaviyo", because="the configuration is not valid")
    else:
        yield from _destination_findings(destination.warnings)
        facts, clock_s = asyncio.run(_ask_klaviyo(worker_settings, destination))
        today = datetime.fromtimestamp(clock_ms() / 1000, UTC).date()
        yield from check_klaviyo(facts, metrics=destination.metrics, today=today)
    yield from _kafka_findings(settings)
    yield from check_machine(gather_machine_facts(settings, clock_s=clock_s))


def _config_failures(error: ConfigError) -> Iterator[Finding]:
    for problem in error.problems:
        detail, _, fix = problem.partition("; ")
        yield failed("configuration", detail, fix=fix or "correct this line")


def _destination_findings(warnings: Iterable[str]) -> Iterator[Finding]:
    yield passed("configuration", "settings and destination file are valid")
    for warning in warnings:
        fix = "correct this line of the destination file"
        yield warned("configuration", warning, fix=fix)


async def _ask_klaviyo(
    settings: Settings, destination: Destination
) -> tuple[KlaviyoFacts, float | None]:
    try:
        async with asyncio.timeout(KLAVIYO_LIMIT_S):
            return await gather_klaviyo_facts(settings, destination)
    except TimeoutError:
        problem = f"Klaviyo answered too few requests in {KLAVIYO_LIMIT_S:.0f} s"
        return KlaviyoFacts(problem=f"{problem}; check the network to Klaviyo"), None


def _kafka_findings(settings: Settings) -> Iterator[Finding]:
    needs = topic_needs(settings)
    facts = gather_kafka_facts(kafka_access(settings), [need.name for need in needs])
    yield from check_kafka(facts, needs)
    topics = settings.topics
    yield from check_same_partitions(
        facts, (topics.events, topics.memberships_changelog)
    )
