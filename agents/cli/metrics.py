"""Command `klaviyo-streams metrics`: check that mapped metrics exist in Klaviyo."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from agents.cli.support.tester_options import (
    create_client,
    destination_option,
    klaviyo_url_option,
    load_destination,
    name_klaviyo,
)
from agents.shared import logging
from streams.destination.mapping_rules import METRIC_FIELDS
from streams.destination.model import Destination, MappingRule, UnknownMetricPolicy
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.lookups.metrics import fetch_metric_names, find_missing_metrics

_POLICY: Final[Mapping[UnknownMetricPolicy, str]] = {
    UnknownMetricPolicy.ALLOW: "their events are sent; Klaviyo may create the metrics",
    UnknownMetricPolicy.DEAD_LETTER: "their events become dead letters: unknown-metric",
}
"""Effect of each policy on events with a metric that Klaviyo does not have."""


@click.command()
@destination_option
@klaviyo_url_option
@click.pass_context
def metrics(
    ctx: click.Context, *, destination_path: Path | None, klaviyo_url: str
) -> None:
    """Check that Klaviyo has every metric named in a mapping, with the same case.

    The exit code is 0 if all metrics exist, and 1 if one is missing. The API key is
    read from KLAVIYO_API_KEY, or from the variable that the destination file names;
    it needs the scope metrics:read.

    \b
    Examples:
      klaviyo-streams metrics --destination destination.yaml
      KLAVIYO_API_KEY=any klaviyo-streams metrics --klaviyo-url http://localhost:8900
    """  # noqa: D301 - click reads the backspace
    logging.configure_logging("error")
    destination = load_destination(destination_path)
    client = create_client(destination, url=klaviyo_url)
    with name_klaviyo(klaviyo_url):
        known_metrics = asyncio.run(_fetch_metrics(client))
    for line in describe_metrics(destination, known_metrics):
        click.echo(line)
    if not destination.metrics.keys() <= known_metrics:
        ctx.exit(1)


async def _fetch_metrics(client: KlaviyoClient) -> frozenset[str]:
    async with client:
        return await fetch_metric_names(FailFastClient(client))


def describe_metrics(
    destination: Destination, known_metrics: Collection[str]
) -> Iterator[str]:
    """Yield lines that name the missing metrics, the mappings and the fix.

    Args:
        destination: Its mappings name metrics.
        known_metrics: Names of the metrics in Klaviyo.
    """
    mapped = destination.metrics
    missing = find_missing_metrics(mapped, known_metrics)
    for name, nearest in missing:
        hint = f"did you mean {nearest!r}?" if nearest else "no similar name exists"
        yield f"missing: {name!r}, named by {', '.join(mapped[name])}; {hint}"
    if missing:
        policy = destination.unknown_metric
        yield f"settings.unknown_metric is {policy}: {_POLICY[policy]}"
        yield (
            "to fix it, spell the name in the mapping exactly as in Klaviyo, or create"
            " the metric there"
        )
    yield f"{len(mapped) - len(missing)} of {len(mapped)} metrics exist in Klaviyo"
    for rule in filter(_takes_metric_from_event, destination.mappings):
        yield f"not checked: {rule.name} takes the metric from the event"


def _takes_metric_from_event(rule: MappingRule) -> bool:
    fields = {field.name for field in rule.action.fields}
    return not rule.metrics and not fields.isdisjoint(METRIC_FIELDS)
