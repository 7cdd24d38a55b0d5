"""`klaviyo-streams send`: what `explain` says, done for real."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from agents.cli.lines import Answering, answer_lines
from agents.cli.trying import (
    FILE,
    client_for,
    destination_in,
    klaviyo_url_option,
    trying,
)
from agents.shared import logging
from streams.destination.model import Destination, UnknownMetricPolicy
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.lookups.metrics import fetch_metric_names


@click.command()
@click.option("--destination", "file", type=FILE, help="As of explain.")
@klaviyo_url_option
def send(*, file: Path | None, klaviyo_url: str) -> None:
    """Do for real what explain says, and say what came of it.

    Reads and prints the same lines as explain. The API key is in the environment, in
    KLAVIYO_API_KEY or the variable that the destination file names.

    \b
    Examples:
      echo '{"type":"track","event":"Viewed","userId":"u1","properties":{}}' \\
        | KLAVIYO_API_KEY=any klaviyo-streams send --klaviyo-url http://localhost:8900
      klaviyo-streams send --destination destination.yaml < events.jsonl
    """  # noqa: D301 - click reads the backspace
    logging.configure_logging("warning")
    destination = destination_in(file)
    client = client_for(destination, url=klaviyo_url)
    with asyncio.Runner() as runner, _sending(runner, client, destination) as answered:
        answer_lines(runner, answered)


@contextmanager
def _sending(
    runner: asyncio.Runner, client: KlaviyoClient, destination: Destination
) -> Iterator[Answering]:
    runner.run(client.__aenter__())
    try:
        known = None
        if destination.unknown_metric is UnknownMetricPolicy.DEAD_LETTER:
            known = runner.run(fetch_metric_names(FailFastClient(client)))
        yield trying(
            destination,
            connect=lambda _: client,
            known_metrics=known,
            clock_s=time.time,  # noqa: TID251 - agents reads the clock
        )
    finally:
        runner.run(client.__aexit__(None, None, None))
