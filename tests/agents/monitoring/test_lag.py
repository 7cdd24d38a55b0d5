"""Lag of partitions, and the age of the oldest unfinished record."""

from types import SimpleNamespace
from typing import Any

import pytest

from agents.engine.partition import Partition
from agents.monitoring.lag import LagWatch
from streams.errors import EngineError
from tests.support.worker_fakes import NOW_MS, partition

SECOND_MS = 1_000


class FakeReader:
    """Reader with one partition, whose lag the test sets; None: Kafka is away."""

    has_joined = True

    def __init__(self) -> None:
        self.options = SimpleNamespace(group="app.intake")
        self.part: Partition = partition("source", 3)
        self.partitions = {self.part.tp: self.part}
        self.lag: int | None = 0

    async def fetch_lags(self) -> dict[Any, int]:
        """Return the lag that the test has set."""
        if self.lag is None:
            raise EngineError("no end offsets: KafkaTimeoutError")
        return dict.fromkeys(self.partitions, self.lag)


class Watched:
    """Watch over one reader, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.reader = FakeReader()
        readers: list[Any] = [self.reader]
        self.watch = LagWatch(readers, lambda: self.now_ms)

    async def look(self, lag: int | None) -> list[tuple[int, float]]:
        """Look once; return records and age of each partition."""
        self.reader.lag = lag
        await self.watch.look()
        return [(row.records, row.age_s) for row in self.watch.lags()]


@pytest.fixture
def watched() -> Watched:
    """Return a watch that has not looked yet."""
    return Watched()


async def test_a_partition_without_lag_has_no_age(watched: Watched) -> None:
    """Before the first look no lag is shown, and then a lag of 0."""
    assert list(watched.watch.lags()) == []
    assert await watched.look(0) == [(0, 0.0)]


async def test_the_age_is_that_of_the_oldest_unfinished_record(
    watched: Watched,
) -> None:
    """Age of the first record until it is done, then of the next one."""
    part = watched.reader.part
    part.track([0, 1], first_ms=NOW_MS - 9 * SECOND_MS, last_ms=NOW_MS)
    part.track([2], first_ms=NOW_MS - 4 * SECOND_MS, last_ms=NOW_MS)
    ages = [await watched.look(3)]
    part.mark_done([0])
    ages.append(await watched.look(2))
    part.mark_done([1])
    ages.append(await watched.look(1))

    assert ages == [[(3, 9.0)], [(2, 9.0)], [(1, 4.0)]]


async def test_records_that_are_not_fetched_are_no_older_than_the_last_look(
    watched: Watched,
) -> None:
    """After an hour without records, a new one is seconds old, not an hour."""
    part = watched.reader.part
    part.track([0], first_ms=NOW_MS - SECOND_MS, last_ms=NOW_MS - SECOND_MS)
    part.mark_done([0])
    watched.now_ms += 3_600 * SECOND_MS
    await watched.look(0)
    watched.now_ms += 5 * SECOND_MS

    assert await watched.look(7) == [(7, 5.0)]


async def test_without_an_answer_the_last_lag_stays(watched: Watched) -> None:
    """The time of the last answer stays too, for `/readyz`."""
    await watched.look(4)
    watched.now_ms += 60 * SECOND_MS
    lags = await watched.look(None)

    assert lags == [(4, 60.0)]
    assert watched.watch.answered_ms == NOW_MS


async def test_a_partition_that_was_revoked_is_forgotten(watched: Watched) -> None:
    """The next owner of the partition shows the lag."""
    await watched.look(4)
    watched.reader.partitions = {}

    assert await watched.look(0) == []
