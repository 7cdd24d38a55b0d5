"""One partition while this worker owns it."""

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition

from agents.engine.ledger import Ledger


class Partition:
    """Ownership of a partition from assignment to revocation; never reused.

    Attributes:
        ready: Its state is recovered; it may be read.
        closing: It is about to be revoked; nothing new begins.
        closed: It is another worker's; nothing more may be done in its name.
        committed: Last offset that Kafka is known to have for the group.
        opening: The recovery of its state, while that lasts.
    """

    def __init__(self, tp: TopicPartition) -> None:
        self.tp = tp
        self.ready = False
        self.closing = False
        self.closed = False
        self.committed: int | None = None
        self.opening: asyncio.Task[None] | None = None
        self._ledger = Ledger()
        self._holds = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def live(self) -> bool:
        """Whether work may begin on it."""
        return self.ready and not self.closing

    @property
    def position(self) -> int | None:
        """Offset that may be committed: nothing below it is unfinished."""
        return self._ledger.position

    @property
    def owes_commit(self) -> bool:
        """Whether there is progress that Kafka does not know of."""
        return self.position is not None and self.position != self.committed

    @property
    def unfinished(self) -> int:
        """Records delivered and without an outcome."""
        return len(self._ledger)

    def track(self, offsets: Sequence[int]) -> None:
        """These were handed to the hop."""
        self._ledger.track(offsets)

    def done(self, offsets: Sequence[int]) -> None:
        """These have their outcome; said too late, it is ignored."""
        if not self.closed:
            self._ledger.done(offsets)

    def hold(self) -> None:
        """Work on it is under way: a rebalance waits for `release`."""
        self._holds += 1
        self._idle.clear()

    def release(self) -> None:
        """Undo one `hold`."""
        self._holds -= 1
        if not self._holds:
            self._idle.set()

    async def idle(self) -> None:
        """Return when no work on it is under way."""
        await self._idle.wait()
