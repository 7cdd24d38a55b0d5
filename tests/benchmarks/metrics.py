"""`python -m tests.benchmarks.metrics`: CPU of the metrics, for an event.

Intake, activate and a lane run in this process, without Kafka and without Klaviyo, so
the share of the metrics is larger than in a worker. Runs with and without metrics take
turns, and the quickest of each are compared: other work on the machine only adds. The
page is rendered once, at the end.
"""

import gc
import time
from typing import Any

import click
from prometheus_client import generate_latest

from agents.shared.metrics.registry import (
    LaneMetrics,
    StageMetrics,
    WorkerMetrics,
)
from tests.support.stage_run import StageRun, audience_events
from tests.support.worker_fakes import run

AUDIENCES = 20
"""Each has batches of its own: with a thousand, the batches are of a few items, and a
batch without its request to Klaviyo shows what no worker has."""

MICROSECONDS = 1e6


class _Silent:
    """Child of a metric that counts nothing."""

    def inc(self, amount: float = 1) -> None:
        """Count nothing at all."""

    set = inc
    observe = inc


class SilentMetrics(WorkerMetrics):
    """Metrics that count nothing, to see what the others cost."""

    def __init__(self) -> None:
        super().__init__()
        silent: Any = _Silent()
        fields = len(StageMetrics._fields)
        self.stages = dict.fromkeys(self.stages, StageMetrics(*[silent] * fields))

    def lane(self, lane: str) -> LaneMetrics:
        """Return metrics of a lane that count nothing."""
        del lane
        silent: Any = _Silent()
        return LaneMetrics(*[silent] * len(LaneMetrics._fields))

    def count_outcomes(self, *_: object, **__: object) -> None:
        """Count no outcomes at all."""

    def count_dead_letters(self, *_: object) -> None:
        """Count no dead letters at all."""


def cpu_s(metrics: WorkerMetrics, events: int) -> float:
    """Return the CPU seconds of a run."""
    sources = audience_events(events, AUDIENCES)

    async def timed_run() -> float:
        stages = StageRun(metrics)
        gc.collect()
        gc.disable()  # a collection falls into one run or the other by chance
        started_s = time.process_time()
        await stages.process(sources)
        ended_s = time.process_time()
        gc.enable()
        return ended_s - started_s

    return run(timed_run())


@click.command()
@click.option("--events", default=20_000, help="Events of a run.")
@click.option("--runs", default=7, help="Runs of each kind.")
def main(events: int, runs: int) -> None:
    """Print the CPU of an event with and without metrics, and that of a page."""
    without_s: list[float] = []
    with_s: list[float] = []
    for number in range(runs):
        metrics = WorkerMetrics()
        takes_turns = [(SilentMetrics(), without_s), (metrics, with_s)]
        for counted, seconds in takes_turns[:: 1 if number % 2 else -1]:
            seconds.append(cpu_s(counted, events))
    each = MICROSECONDS / events
    without_us, with_us = min(without_s) * each, min(with_s) * each
    started_s = time.process_time()
    page = generate_latest(metrics.registry)
    page_ms = (time.process_time() - started_s) * 1_000
    click.echo(f"without metrics {without_us:6.1f} us an event")
    click.echo(f"with metrics    {with_us:6.1f} us an event")
    click.echo(f"cost            {with_us / without_us - 1:+6.1%}")
    click.echo(f"page            {page_ms:6.1f} ms, {len(page):,} bytes")


if __name__ == "__main__":
    main()
