"""Time in a coroutine's own steps, and how it ends."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

import pytest
from prometheus_client import Counter

from agents.shared.metrics.busy import timed


class _Failed(Exception):
    pass


def _counter() -> Counter:
    return Counter("busy", "Seconds.", registry=None)


def _seconds(counter: Counter) -> float:
    return sum(s.value for m in counter.collect() for s in m.samples[:1])


async def _run(work: Coroutine[Any, Any, None], counter: Counter) -> None:
    ticks = count()
    await timed(work, counter, clock_s=lambda: float(next(ticks)))


async def test_each_step_counts_and_no_wait() -> None:
    """Each step takes one tick of the clock; two waits make three steps."""
    counter = _counter()

    async def work() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    await _run(work(), counter)

    assert _seconds(counter) == 3


async def test_errors_and_cancellations_reach_both_sides() -> None:
    """The caller sees the coroutine's error, and the coroutine the cancellation."""
    seen: list[str] = []

    async def failing() -> None:
        await asyncio.sleep(0)
        raise _Failed

    async def waiting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    with pytest.raises(_Failed):
        await _run(failing(), _counter())
    running = asyncio.create_task(_run(waiting(), _counter()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert seen == ["cancelled"]
