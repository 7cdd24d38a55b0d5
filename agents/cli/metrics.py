"""`klaviyo-streams metrics`: does Klaviyo have the metrics that mappings name?"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from agents.cli.trying import FILE, client_for, destination_in, klaviyo_url_option
from agents.shared import logging
from streams.destination.mapping_rules import METRIC_FIELDS
from streams.destination.model import Destination, MappingRule, UnknownMetricPolicy
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.lookups.metrics import fetch_metric_names, find_missing_metrics

_POLICY: Final[Mapping[UnknownMetricPolicy, str]] = {
    UnknownMetricPolicy.ALLOW: "their events are sent; Klaviyo may make a new metric of each",
    UnknownMetricPolicy.DEAD_LETTER: "their events become dead letters: unknown-metric",
}
"""What becomes of events whose metric Klaviyo doesn't have."""


@click.command()
@click.option("--destination", "file", type=FILE, help="As of explain.")
@klaviyo_url_option
@click.pass_context
def metrics(ctx: click.Context, *, file: Path | None, klaviyo_url: str) -> None:
    """Look whether Klaviyo has each metric that a mapping names, to the letter.

    Exits with 0 where it has them all, and with 1 where one is missing. The API key is
    in the environment, in KLAVIYO_API_KEY or the variable that the destination file
    names; it needs the scope metrics:read.

    \b
    Examples:
      klaviyo-streams metrics --destination destination.yaml
      KLAVIYO_API_KEY=any klaviyo-streams metrics --klaviyo-url http://localhost:8900
    """  # noqa: D301 - click reads the backspace
    logging.configure_logging("error")
    destination = destination_in(file)
    client = client_for(destination, url=klaviyo_url)
    known = asyncio.run(_known(client))
    for line in told(destination, known):
        click.echo(line)
    if not destination.metrics.keys() <= known:
        ctx.exit(1)


async def _known(client: KlaviyoClient) -> frozenset[str]:
    async with client:
        return await fetch_metric_names(FailFastClient(client))


def told(destination: Destination, known: Collection[str]) -> Iterator[str]:
    """Say which metrics there are not, who names them, and what to do, a line each.

    Args:
        destination: Its mappings name metrics.
        known: Names of the metrics there are.
    """
    named = destination.metrics
    missing = find_missing_metrics(named, known)
    for name, nearest in missing:
        hint = f"did you mean {nearest!r}?" if nearest else "no name is like it"
        yield f"missing: {name!r}, named by {', '.join(named[name])}; {hint}"
    if missing:
        policy = destination.unknown_metric
        yield f"settings.unknown_metric is {policy}: {_POLICY[policy]}"
        yield (
            "to mend it, write the name in the mapping as Klaviyo has it, case and all,"
            " or set the metric up in Klaviyo"
        )
    yield f"{len(named) - len(missing)} of {len(named)} metrics are in Klaviyo"
    for rule in filter(_leaves_it_to_the_event, destination.mappings):
        yield f"not looked at: {rule.name} takes the metric from the event"


def _leaves_it_to_the_event(rule: MappingRule) -> bool:
    fields = {field.name for field in rule.action.fields}
    return not rule.metrics and not fields.isdisjoint(METRIC_FIELDS)
