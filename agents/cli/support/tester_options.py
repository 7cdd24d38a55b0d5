"""Lines carried out: on Klaviyo, or on one that does whatever it is asked."""

import asyncio
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import click

from agents.cli.support.event_tester import (
    TestStep,
    build_answer,
    most_severe,
    parse_request,
    plan_steps,
)
from agents.cli.support.json_lines import JsonAnswer, LineHandler
from streams.delivery.verdict import ItemVerdict
from streams.destination.loader import compile_destination, read_destination
from streams.destination.model import Destination
from streams.errors import ConfigError
from streams.klaviyo.api.client import BASE_URL, KlaviyoClient
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.execute import execute
from streams.klaviyo.fake_client import RecordingClient
from streams.rate_limiting.limiter import Clock

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file on the command line."""

klaviyo_url_option = click.option(
    "--klaviyo-url", default=BASE_URL, show_default=True, help="Where Klaviyo is."
)

Connect = Callable[[list[TestStep]], KlaviyoApi]
"""Gives what the requests of a line are sent to."""


def load_destination(file: Path | None) -> Destination:
    """Read a destination file; without one, every preset.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    return (
        compile_destination(None)
        if file is None
        else read_destination(file.read_bytes())
    )


def create_client(destination: Destination, *, url: str) -> KlaviyoClient:
    """Make a client with the key that the environment holds.

    Raises:
        ConfigError: There is no key, or it or the URL cannot be one.
    """
    name = destination.api_key_env
    key = os.environ.get(name, "")
    if not key:
        raise ConfigError([f"{name}: missing in the environment; it is the API key"])
    timing = Clock(monotonic_s=time.monotonic, sleep=asyncio.sleep, rng=random.random)
    return KlaviyoClient(api_key=key, clock=timing, base_url=url)


def create_tester(
    destination: Destination,
    *,
    connect: Connect,
    known_metrics: frozenset[str] | None = None,
    clock_s: Callable[[], float] | None = None,
) -> LineHandler:
    """Give what answers lines: it does what they ask, and says what was sent.

    Args:
        destination: What is done with a line that is an event.
        connect: Gives what the requests of a line are sent to.
        known_metrics: Where given, events of other metrics are dead letters.
        clock_s: What time it is; None leaves events of the future to Klaviyo.
    """

    async def carried(
        recorder: RecordingClient, steps: list[TestStep]
    ) -> list[ItemVerdict]:
        verdicts = await execute(
            recorder,
            [intent for step in steps for intent in step.intents],
            known_metrics=known_metrics,
            now_s=clock_s() if clock_s is not None else None,
        )
        return _by_step(steps, verdicts)

    async def answered(line: bytes) -> JsonAnswer:
        trial = parse_request(line, destination)
        steps = plan_steps(trial)
        recorder = RecordingClient(connect(steps))
        parts = [steps] if trial.together else [[step] for step in steps]
        try:
            ended = [one for part in parts for one in await carried(recorder, part)]
        finally:
            await recorder.jobs.close()
        return build_answer(steps, ended, recorder.requests)

    return answered


def _by_step(steps: list[TestStep], verdicts: list[ItemVerdict]) -> list[ItemVerdict]:
    """Give a verdict for each step: that of its intents, or its own."""
    left = iter(verdicts)
    return [
        most_severe([next(left) for _ in step.intents])
        if step.intents
        else step.verdict
        for step in steps
    ]
