"""Command `klaviyo-streams send`: send the requests that `explain` shows."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from agents.cli.support.json_lines import JsonAnswer, LineHandler, answer_lines
from agents.cli.support.tester_options import (
    create_client,
    create_tester,
    destination_option,
    klaviyo_url_option,
    load_destination,
    name_klaviyo,
)
from agents.shared import logging
from streams.destination.model import Destination, UnknownMetricPolicy
from streams.errors import EngineError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.fail_fast import FailFastClient
from streams.klaviyo.lookups.metrics import fetch_metric_names


@click.command()
@destination_option
@klaviyo_url_option
def send(*, destination_path: Path | None, klaviyo_url: str) -> None:
    """Send the requests that `explain` shows, and print the results.

    Reads and prints the same lines as `explain`. The API key is read from
    KLAVIYO_API_KEY, or from the variable that the destination file names.

    \b
    Examples:
      echo '{"type":"track","event":"Viewed","userId":"u1","properties":{}}' \\
        | KLAVIYO_API_KEY=any klaviyo-streams send --klaviyo-url http://localhost:8900
      klaviyo-streams send --destination destination.yaml < events.jsonl
    """  # noqa: D301 - click reads the backspace
    logging.configure_logging("error")
    destination = load_destination(destination_path)
    client = create_client(destination, url=klaviyo_url)
    with (
        name_klaviyo(klaviyo_url),
        asyncio.Runner() as runner,
        _open_tester(runner, client, destination) as send_,
    ):
        answer_lines(runner, send_)


@contextmanager
def _open_tester(
    runner: asyncio.Runner, client: KlaviyoClient, destination: Destination
) -> Iterator[LineHandler]:
    fail_fast_client = FailFastClient(client)
    runner.run(client.__aenter__())
    try:
        known_metrics = None
        if destination.unknown_metric is UnknownMetricPolicy.DEAD_LETTER:
            known_metrics = runner.run(fetch_metric_names(fail_fast_client))
        tester = create_tester(
            destination,
            client_factory=lambda _: fail_fast_client,
            known_metrics=known_metrics,
            clock_s=time.time,  # noqa: TID251 - agents reads the clock
        )
        yield _ending_at_fault(tester, fail_fast_client)
    finally:
        runner.run(client.__aexit__(None, None, None))


def _ending_at_fault(handle: LineHandler, client: FailFastClient) -> LineHandler:
    """Return a handler that raises when a person must repair a fault first."""

    async def answer(line: bytes) -> JsonAnswer:
        result = await handle(line)
        if client.fault is not None:
            raise EngineError(f"not sent: {client.fault.reason}")
        return result

    return answer
