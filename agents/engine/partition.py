"""State of an owned partition, with unfinished offsets and record batches."""

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from aiokafka import TopicPartition

from agents.engine.kafka import Record


class Partition:
    """Ownership of a partition from assignment to revocation; never reused.

    Offsets are tracked in the order of delivery, finished in any order, and committed
    without a gap. Only delivered offsets count, since compaction and transactions leave
    gaps in a topic.

    Attributes:
        tp: Topic and number.
        ready: The state of the partition is recovered, so records may be read.
        paused: Its stage takes no more records for now, so none are fetched.
        revoking: A revocation has begun, so no new work may start.
        revoked: Another worker may own the partition, so no result counts any more.
        committed_offset: Last offset that Kafka is known to have for the group.
        latest_ms: Timestamp of the latest delivered record, milliseconds since the
            epoch; 0 before the first.
        recovery_task: Recovery of the state, while it runs.
    """

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.ready = False
        self.paused = False
        self.revoking = False
        self.revoked = False
        self.committed_offset: int | None = None
        self.recovery_task: asyncio.Task[None] | None = None
        self.latest_ms = 0
        self._unfinished: deque[int] = deque()
        self._fetches: deque[tuple[int, int]] = deque()
        self._finished: set[int] = set()
        self._last_tracked: int | None = None
        self._holds = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_active(self) -> bool:
        """Report whether new work may start on the partition."""
        return self.ready and not self.revoking

    @property
    def commit_offset(self) -> int | None:
        """First unfinished offset; None if no record was delivered."""
        if self._unfinished:
            return self._unfinished[0]
        return None if self._last_tracked is None else self._last_tracked + 1

    @property
    def has_uncommitted(self) -> bool:
        """Report whether finished records are not yet committed to Kafka."""
        return self.commit_offset not in (None, self.committed_offset)

    @property
    def unfinished_count(self) -> int:
        """Number of delivered records without an outcome."""
        return len(self._unfinished)

    @property
    def oldest_unfinished_ms(self) -> int | None:
        """Timestamp of the fetch of the first unfinished record; None if all are done.

        It is that of the first record of the same fetch: exact enough for an age.
        """
        self._forget_fetches()
        return self._fetches[0][1] if self._fetches else None

    def first_unfinished(self, position: int) -> int:
        """Return the first unfinished offset, or the consumer's position without any.

        Args:
            position: Offset that the consumer reads next.
        """
        return self._unfinished[0] if self._unfinished else position

    def track(
        self, offsets: Sequence[int], *, first_ms: int = 0, last_ms: int = 0
    ) -> None:
        """Track ascending offsets of records that were handed to the stage.

        Args:
            offsets: Offsets of the records of one fetch.
            first_ms: Timestamp of the first one, milliseconds since the epoch.
            last_ms: Timestamp of the last one.
        """
        self._unfinished.extend(offsets)
        if self._unfinished:
            self._last_tracked = self._unfinished[-1]
            self._forget_fetches()
            self._fetches.append((self._unfinished[-1], first_ms))
            self.latest_ms = last_ms

    def mark_done(self, offsets: Sequence[int]) -> None:
        """Mark offsets as finished; ignored if unknown, or after the revocation."""
        if self.revoked:
            return
        self._finished.update(offsets)
        while self._unfinished and self._unfinished[0] in self._finished:
            self._finished.discard(self._unfinished.popleft())

    def _forget_fetches(self) -> None:
        """Forget fetches with no unfinished record."""
        first = self._unfinished[0] if self._unfinished else math.inf
        while self._fetches and self._fetches[0][0] < first:
            self._fetches.popleft()

    def skip_to(self, position: int) -> None:
        """Pass offsets that hold no record, once every delivered record is finished.

        The last offset of a transaction holds its marker. A commit that stopped before
        it would show a lag for good.

        Args:
            position: Offset from which the partition is fetched next.
        """
        if not self._unfinished and self._last_tracked is not None:
            self._last_tracked = max(self._last_tracked, position - 1)

    def hold(self) -> None:
        """Announce work in progress: a rebalance waits for `release`."""
        self._holds += 1
        self._idle.clear()

    def release(self) -> None:
        """Undo a single call of `hold`."""
        self._holds -= 1
        if not self._holds:
            self._idle.set()

    async def wait_idle(self) -> None:
        """Wait until no work on the partition is in progress."""
        await self._idle.wait()


PartitionRecords: TypeAlias = list[tuple[Partition, list[Record]]]
"""Records grouped by the partition they came from."""


class RecordBatch:
    """Records of a fetch, grouped by partition."""

    def __init__(self, groups: PartitionRecords) -> None:
        self._groups = groups

    def start(self) -> PartitionRecords:
        """Return the groups of owned partitions, held until `finish`."""
        active = [(part, records) for part, records in self._groups if part.is_active]
        for part, _ in active:
            part.hold()
        return active

    @staticmethod
    def finish(groups: PartitionRecords) -> None:
        """Mark every record of the groups as done: each outcome is durable."""
        for part, records in groups:
            part.mark_done([record.offset for record in records])
            part.release()
