"""`klaviyo-streams check`: a destination file, read before it is used."""

from collections.abc import Iterator
from pathlib import Path

import click

from streams.destination.loader import read_destination
from streams.destination.model import Destination, MappingRule
from streams.triggers.trigger import Trigger


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(*, file: Path) -> None:
    """Read a destination file and print what it has, or every mistake in it.

    \b
    Examples:
      klaviyo-streams check destination.yaml
      echo 'mappings: [{action: trackEvent}]' | klaviyo-streams check /dev/stdin
    """  # noqa: D301 - click reads the backspace
    for line in told(read_destination(file.read_bytes())):
        click.echo(line)


def told(destination: Destination) -> Iterator[str]:
    """Say what a destination has, a line each."""
    yield f"api key from {destination.api_key_env}"
    yield f"unknown metrics: {destination.unknown_metric}"
    for rule in destination.mappings:
        yield from _mapping(rule)
    synced = "synced" if destination.sync_audiences else "not synced by themselves"
    yield f"audiences: {synced}"
    for key, audience in destination.audiences.items():
        target = audience.list_id or "found or created by name"
        yield f"  {key}: list {target}{'' if audience.enabled else ', not enabled'}"


def _mapping(rule: MappingRule) -> Iterator[str]:
    yield f"mapping {rule.name}: {rule.action.name}"
    if isinstance(rule.trigger, Trigger):
        yield f"  trigger: {rule.trigger.text}"
    size = rule.batching.size if rule.batching.enabled else 1
    by = f", the same {', '.join(rule.batching.keys)}" if rule.batching.keys else ""
    yield f"  batches: up to {size}{by}"
    if rule.metrics:
        yield f"  metrics: {', '.join(rule.metrics)}"
