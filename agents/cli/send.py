"""`klaviyo-streams send`: what `explain` says, done for real."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from agents import logs
from agents.cli.lines import answer_lines
from agents.cli.trying import FILE, Answer, destination_in, trying
from streams.destination.model import Destination, UnknownMetric
from streams.errors import ConfigError
from streams.klaviyo.client import BASE_URL, KlaviyoClient
from streams.klaviyo.metrics import metric_names
from streams.pacing.gate import Timing


@click.command()
@click.option("--destination", "file", type=FILE, help="As of explain.")
@click.option(
    "--klaviyo-url", default=BASE_URL, show_default=True, help="Where Klaviyo is."
)
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
    logs.configure("warning")
    destination = destination_in(file)
    name = destination.api_key_env
    key = os.environ.get(name, "")
    if not key:
        raise ConfigError([f"{name}: missing in the environment; it is the API key"])
    timing = Timing(clock=time.monotonic, sleep=asyncio.sleep, rng=random.random)
    client = KlaviyoClient(api_key=key, timing=timing, base_url=klaviyo_url)
    with asyncio.Runner() as runner, _sending(runner, client, destination) as answered:
        answer_lines(answered)


@contextmanager
def _sending(
    runner: asyncio.Runner, client: KlaviyoClient, destination: Destination
) -> Iterator[Callable[[bytes], Answer]]:
    runner.run(client.__aenter__())
    try:
        known = None
        if destination.unknown_metric is UnknownMetric.DEAD_LETTER:
            known = runner.run(metric_names(client))
        yield trying(
            runner,
            destination,
            connect=lambda _: client,
            known_metrics=known,
            clock_s=time.time,  # noqa: TID251 - agents reads the clock
        )
    finally:
        runner.run(client.__aexit__(None, None, None))
