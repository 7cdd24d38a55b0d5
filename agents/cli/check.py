"""Command `klaviyo-streams check`: validate a destination file."""

from collections.abc import Iterator
from pathlib import Path

import click

from agents.cli.sources import describe_source
from agents.cli.support.tester_options import INPUT_FILE
from agents.shared.registry.credentials import check_packages
from streams.destination.loader import read_destination
from streams.destination.model import Destination, MappingRule
from streams.destination.rows.selection import RowSelection
from streams.triggers.trigger import Trigger


@click.command()
@click.argument("destination_path", metavar="FILE", type=INPUT_FILE)
def check(*, destination_path: Path) -> None:
    """Validate a destination file: print the contents, or all problems in the file.

    Warnings about a valid file go to standard error.

    \b
    Examples:
      klaviyo-streams check destination.yaml
      echo 'mappings: [{action: trackEvent}]' | klaviyo-streams check /dev/stdin
    """  # noqa: D301 - click reads the backspace
    destination = read_destination(destination_path.read_bytes())
    check_packages(destination.sources)
    for line in describe_destination(destination):
        click.echo(line)
    for warning in destination.warnings:
        click.echo(f"warning: {warning}", err=True)


def describe_destination(destination: Destination) -> Iterator[str]:
    """Yield lines that describe a destination."""
    yield f"api key from {destination.api_key_env}"
    yield f"unknown metrics: {destination.unknown_metric}"
    if notice := destination.identity_rules.notice:
        yield f"unknown persons: {notice}"
    for source in destination.sources:
        yield describe_source(source)
    for rule in destination.mappings:
        yield from _describe_rule(rule)
    sync = "synced" if destination.sync_audiences else "not synced automatically"
    yield f"audiences: {sync}"
    for key, audience in destination.audiences.items():
        target = audience.list_id or "found or created by name"
        yield f"  {key}: list {target}{'' if audience.enabled else ', not enabled'}"


def _describe_rule(rule: MappingRule) -> Iterator[str]:
    yield f"mapping {rule.name}: {rule.action.name}"
    if isinstance(rule.trigger, Trigger):
        yield f"  trigger: {rule.trigger.text}"
    if rule.rows:
        yield f"  rows: {_describe_rows(rule.rows)}"
    size = rule.batching.size if rule.batching.enabled else 1
    keys = ", ".join(rule.batching.keys)
    yield f"  batches: up to {size}{f', grouped by {keys}' if keys else ''}"
    if rule.metrics:
        yield f"  metrics: {', '.join(rule.metrics)}"


def _describe_rows(rows: RowSelection) -> str:
    changes = ", ".join(sorted(rows.changes))
    text = f"{changes} of {rows.model or 'every model'}"
    if rows.when_changed:
        text += f"; updated if {' or '.join(sorted(rows.when_changed))} changed"
    return f"{text}; deleted clears {', '.join(rows.clear)}" if rows.clear else text
