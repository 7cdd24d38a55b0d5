"""A broker, a sandbox as the caller wants it, and topics: what a run stands on."""

import json
import signal
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.sandbox.config import JOURNAL_VARIABLE
from tests.benchmarks.processes import Command, Sandbox, ask
from tests.benchmarks.runs import PARTITIONS, RESOLVER_PARTITIONS, Environment, Stage
from tests.brokers import choice

SEED_S = 120.0

LANES = ("consent", "lists", "events", "profiles", "privacy")


class TunedSandbox(Sandbox):
    """A sandbox with quotas and jobs as told.

    Args:
        log: What it prints goes there.
        quota_scale: 1.0 is Klaviyo's quotas; 1,000 is never met.
        job_s: How long an import job takes.
        journal: Directory that takes every request with its body; None is none.
    """

    def __init__(
        self, log: Path, *, quota_scale: float, job_s: float, journal: Path | None
    ) -> None:
        quotas = ("--quota-scale", str(quota_scale))
        orders = ("--port", "0", *quotas, "--job-seconds", str(job_s))
        env = {JOURNAL_VARIABLE: str(journal)} if journal else {}
        Command.__init__(self, "sandbox", *orders, env=env, log=log)

    def seed(self, topic: str, rows: list[dict[str, Any]]) -> list[str]:
        """Put in profiles or lists, past the API; gives their ids."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/sandbox/{topic}", data=json.dumps(rows).encode()
        )
        with urllib.request.urlopen(request, timeout=SEED_S) as answer:  # noqa: S310 - our own server
            ids: list[str] = json.load(answer)["ids"]
            return ids

    def requests(self) -> list[dict[str, Any]]:
        """The latest requests, oldest first, each with its time."""
        entries: list[dict[str, Any]] = ask(f"{self.url}/sandbox/requests")["log"]
        return entries


@contextmanager
def broker() -> Iterator[str]:
    """A broker as the other benchmarks take it; gives its address.

    Raises:
        ClickException: There is none.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = choice.choose_shared()
    if chosen.broker is None:
        raise click.ClickException(f"no broker: {chosen}")
    try:
        click.echo(f"broker    {chosen.broker.name}, on the same machine\n")
        yield chosen.broker.bootstrap
    finally:
        chosen.broker.close()


@contextmanager
def start_environment(
    *, quota_scale: float, job_s: float, journaled: bool = False
) -> Iterator[tuple[Environment, TunedSandbox]]:
    """A broker, a sandbox and topics of their own, all gone after the block."""
    prefix = "klaviyo-streams-bench-"
    with broker() as bootstrap, tempfile.TemporaryDirectory(prefix=prefix) as name:
        home = Path(name)
        journal = home / "journal" if journaled else None
        if journal:
            journal.mkdir()
        log = home / f"sandbox-{uuid.uuid4().hex[:8]}.log"
        with TunedSandbox(
            log, quota_scale=quota_scale, job_s=job_s, journal=journal
        ) as sandbox:
            environment = Environment(bootstrap=bootstrap, sandbox=sandbox, home=home)
            ensure_topics(kafka_access(environment.settings), environment.settings)
            yield environment, sandbox


def lane_stage(*lanes: str, stages: str) -> Stage:
    """The last stage with these lanes, and those before it that are named."""
    before = len(stages.split(",")) - 1
    partitions = PARTITIONS * (before + len(lanes)) + RESOLVER_PARTITIONS
    return Stage(
        name="bench", stages=stages, lane=",".join(lanes), partitions=partitions
    )


def one_lane(name: str) -> Stage:
    """A lane alone, for its backlog."""
    return Stage(name=f"deliver.{name}", stages="deliver", lane=name)
