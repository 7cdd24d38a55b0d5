"""Lag of the partitions of a worker, asked from Kafka every few seconds."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mode import Service

from agents.engine.partition import Partition
from agents.engine.reader import Reader
from streams.errors import EngineError

LAG_INTERVAL_S = 5.0
"""Time between two looks, seconds: shorter than Prometheus' usual interval of 15 s."""


class PartitionLag(NamedTuple):
    """Lag of a partition, at the last look.

    Attributes:
        group: Consumer group.
        topic: Topic of the partition.
        partition: Number of the partition.
        records: Records that are not finished.
        age_s: Age of the oldest of them, seconds; 0 without lag.
    """

    group: str
    topic: str
    partition: int
    records: int
    age_s: float


class LagWatch(Service):
    """Watch over the lag of all readers.

    A partition has lag, but no unfinished record, while its records have not been
    fetched. The oldest of them is then younger than the latest delivered record, and
    younger than the last moment without lag: the later of the two gives the age.

    Args:
        readers: Readers of the worker.
        now_ms: Clock, milliseconds since the epoch.

    Attributes:
        answered_ms: Time at which Kafka last answered; 0 before the first answer.
    """

    def __init__(self, readers: Sequence[Reader], now_ms: Callable[[], int]) -> None:
        super().__init__()
        self.answered_ms = 0
        self._readers = readers
        self._now_ms = now_ms
        self._records: dict[Partition, int] = {}
        self._caught_up_ms: dict[Partition, int] = {}

    async def look(self) -> None:
        """Ask Kafka for the lag of each reader; one that gets no answer is left out."""
        joined = [reader for reader in self._readers if reader.has_joined]
        await asyncio.gather(*map(self._look_at, joined))
        owned = {part for reader in joined for part in reader.partitions.values()}
        for gone in self._records.keys() - owned:
            del self._records[gone], self._caught_up_ms[gone]

    def lags(self) -> Iterator[PartitionLag]:
        """Yield the lag of each partition that this worker owns."""
        for reader in self._readers:
            for tp, part in reader.partitions.items():
                if (records := self._records.get(part)) is not None:
                    age_s = self._age_s(part) if records else 0.0
                    group = reader.options.group
                    yield PartitionLag(group, tp.topic, tp.partition, records, age_s)

    async def _look_at(self, reader: Reader) -> None:
        try:
            lags = await reader.fetch_lags()
        except EngineError:
            return
        self.answered_ms = now_ms = self._now_ms()
        for tp, records in lags.items():
            if part := reader.partitions.get(tp):
                self._records[part] = records
                if not records or part not in self._caught_up_ms:
                    self._caught_up_ms[part] = now_ms

    def _age_s(self, part: Partition) -> float:
        oldest_ms = part.oldest_unfinished_ms
        if oldest_ms is None:
            oldest_ms = max(part.latest_ms, self._caught_up_ms[part])
        return max(0, self._now_ms() - oldest_ms) / 1000

    @Service.task
    async def _look_regularly(self) -> None:
        while not self.should_stop:
            await self.look()
            await self.sleep(LAG_INTERVAL_S)
