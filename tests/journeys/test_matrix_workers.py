"""The fault matrix, workers: killed at random moments, and restarted one by one.

The short form kills three times. The long form, `KLAVIYO_STREAMS_TESTS_LONG=1 pytest
tests/journeys/test_matrix_*.py`, kills ten times, under a larger load.
"""

import os
import random
import time

import pytest

from agents.demo.workload.generator import WorkloadShape
from streams.events.canonical_event import Origin
from tests.journeys.conftest import Say
from tests.journeys.harness import LONG, SHORTEST_SESSION_S, Pipeline
from tests.journeys.shop_day import ShopDay, dead_letter_reasons

WITHIN_S = 900.0 if LONG else 240.0

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.timeout(4 * WITHIN_S),
]

WORKERS = 3
KILLS = 10 if LONG else 3
PART = 5_000 if LONG else 1_000
"""Records published before each kill, and before each stop."""

SHAPE = WorkloadShape(
    events=3 * (KILLS + WORKERS + 2) * PART,
    users=4 * PART,
    audiences=("vip", "cart", "lapsed"),
    other=0.5,
    orders=0.3,
    consents=0.02,
)

SEED_ENV = "KLAVIYO_STREAMS_TESTS_SEED"
"""Repeats the run that printed it."""


@pytest.fixture(scope="module")
def seed() -> int:
    """Of all chance in this module."""
    return int(os.environ.get(SEED_ENV) or time.time_ns() % 1_000_000)


@pytest.fixture(scope="module")
def day(shared: Pipeline, seed: int) -> ShopDay:
    """A day that both tests go on with."""
    day = ShopDay(shared, SHAPE, seed=seed)
    shared.run(workers=WORKERS, session_timeout_s=SHORTEST_SESSION_S)
    return day


def test_workers_killed_at_random_moments_lose_and_undo_nothing(
    day: ShopDay, say: Say, seed: int
) -> None:
    """`kill -9` while records are under way, and again before all have settled."""
    pipeline, rng = day.pipeline, random.Random(seed)  # noqa: S311 - when to kill
    say(f"{SEED_ENV}={seed}")
    origins: list[Origin] = []

    for _ in range(KILLS):
        part = day.publish(PART)
        origins += part
        ended = _await_some(pipeline, part, count=rng.randrange(PART // 2))
        name = rng.choice(sorted(pipeline.workers))
        pipeline.workers[name].kill()
        say(f"killed {name} with {ended} of its {PART} records ended")
        pipeline.start(name)
    origins += day.publish(PART)
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    say(f"RSS of {WORKERS} workers {pipeline.rss_bytes >> 20} MiB")
    assert dead_letter_reasons(pipeline, origins) == {}
    assert day.wrong() == []


def test_a_rolling_restart_of_three_workers_leaves_no_trace(
    day: ShopDay, say: Say
) -> None:
    """Each is stopped in order under load, and the next when it is back."""
    pipeline, origins = day.pipeline, list[Origin]()
    codes = []

    for name in sorted(pipeline.workers):
        origins += day.publish(PART)
        pipeline.workers[name].stop()
        codes.append(pipeline.workers[name].ended())
        pipeline.start(name)
        pipeline.await_members(WORKERS)
    origins += day.publish(PART)
    pipeline.await_quiet(origins, within_s=WITHIN_S)

    say(f"RSS of {WORKERS} workers {pipeline.rss_bytes >> 20} MiB")
    assert codes == [0] * WORKERS
    assert dead_letter_reasons(pipeline, origins) == {}
    assert day.wrong() == []


def _await_some(pipeline: Pipeline, origins: list[Origin], *, count: int) -> int:
    """Return as soon as so many of these have ended; how many have."""

    def met() -> bool:
        pipeline.outcomes.read()
        return len(origins) - pipeline.outcomes.missing(origins) >= count

    pipeline.until(met, within_s=WITHIN_S)
    return len(origins) - pipeline.outcomes.missing(origins)
