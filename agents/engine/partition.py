"""One partition while this worker owns it."""

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from agents.engine.ledger import OffsetTracker


class Partition:
    """Ownership of a partition from assignment to revocation; never reused.

    Attributes:
        ready: Its state is recovered; it may be read.
        revoking: It is about to be revoked; nothing new begins.
        revoked: It is another worker's; nothing more may be done in its name.
        committed_offset: Last offset that Kafka is known to have for the group.
        recovery_task: The recovery of its state, while that lasts.
    """

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.ready = False
        self.revoking = False
        self.revoked = False
        self.committed_offset: int | None = None
        self.recovery_task: asyncio.Task[None] | None = None
        self._offsets = OffsetTracker()
        self._holds = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def is_active(self) -> bool:
        """Whether work may begin on it."""
        return self.ready and not self.revoking

    @property
    def commit_offset(self) -> int | None:
        """Offset that may be committed: nothing below it is unfinished."""
        return self._offsets.commit_offset

    @property
    def has_uncommitted(self) -> bool:
        """Whether there is progress that Kafka does not know of."""
        return (
            self.commit_offset is not None
            and self.commit_offset != self.committed_offset
        )

    @property
    def unfinished_count(self) -> int:
        """Records delivered and without an outcome."""
        return len(self._offsets)

    def track(self, offsets: Sequence[int]) -> None:
        """These were handed to the stage."""
        self._offsets.track(offsets)

    def mark_done(self, offsets: Sequence[int]) -> None:
        """These have their outcome; said too late, it is ignored."""
        if not self.revoked:
            self._offsets.mark_done(offsets)

    def hold(self) -> None:
        """Work on it is under way: a rebalance waits for `release`."""
        self._holds += 1
        self._idle.clear()

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1
        if not self._holds:
            self._idle.set()

    async def wait_idle(self) -> None:
        """Return when no work on it is under way."""
        await self._idle.wait()
