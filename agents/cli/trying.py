"""Lines carried out: on Klaviyo, or on one that does whatever it is asked."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agents.cli.trial import Step, answer, read_trial, spoken_for, steps_of
from streams.delivery.verdict import ItemVerdict
from streams.destination.model import Destination
from streams.destination.reading import destination_of, read_destination
from streams.klaviyo.caller import Caller
from streams.klaviyo.carry import carry_out
from streams.klaviyo.recorder import Recorder

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file on the command line."""

Connect = Callable[[list[Step]], Caller]
"""Gives what the requests of a line are sent to."""

Answer = dict[str, Any]


def destination_in(file: Path | None) -> Destination:
    """Read a destination file; without one, every preset.

    Raises:
        ConfigError: Every mistake there is, each with its path.
    """
    return destination_of(None) if file is None else read_destination(file.read_bytes())


def trying(
    runner: asyncio.Runner,
    destination: Destination,
    *,
    connect: Connect,
    known_metrics: frozenset[str] | None = None,
    clock_s: Callable[[], float] | None = None,
) -> Callable[[bytes], Answer]:
    """Give what answers lines: it does what they ask, and says what was sent.

    Args:
        runner: Its loop does it.
        destination: What is done with a line that is an event.
        connect: Gives what the requests of a line are sent to.
        known_metrics: Where given, events of other metrics are dead letters.
        clock_s: What time it is; None leaves events of the future to Klaviyo.
    """

    async def carried(recorder: Recorder, steps: list[Step]) -> list[ItemVerdict]:
        verdicts = await carry_out(
            recorder,
            [intent for step in steps for intent in step.intents],
            known_metrics=known_metrics,
            now_s=clock_s() if clock_s is not None else None,
        )
        return _by_step(steps, verdicts)

    async def answered(line: bytes) -> Answer:
        trial = read_trial(line, destination)
        steps = steps_of(trial)
        recorder = Recorder(connect(steps))
        parts = [steps] if trial.together else [[step] for step in steps]
        try:
            ended = [one for part in parts for one in await carried(recorder, part)]
        finally:
            await recorder.jobs.close()
        return answer(steps, ended, recorder.requests)

    # Runner.run would set a signal handler for each line, which takes half of the time.
    run = runner.get_loop().run_until_complete
    return lambda line: run(answered(line))


def _by_step(steps: list[Step], verdicts: list[ItemVerdict]) -> list[ItemVerdict]:
    """Give a verdict for each step: that of its intents, or its own."""
    left = iter(verdicts)
    return [
        spoken_for([next(left) for _ in step.intents]) if step.intents else step.verdict
        for step in steps
    ]
