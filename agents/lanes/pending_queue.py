"""Queue of a lane's pending records, with the limits that stop fetching."""

import asyncio
from collections.abc import Iterable, Sequence
from math import inf

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.lanes.lane import LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord, expires_ms, is_revoked
from streams.delivery.coalescer import Coalescer, MergePolicy
from streams.delivery.reservations import Reservations

OPEN_OFFSETS_PER_ITEM = 5
"""Offsets a lane may have open for each pending item; some 100 bytes each."""


class PendingQueue:
    """All records of a lane that have no outcome yet: waiting or in flight.

    Args:
        options: Limits of the lane.
        merge: Policy for two queued items with the same ordering key.
        reservations: Keys that must not change at the moment.

    Attributes:
        coalescer: The items, by ordering key and by batch key.
    """

    def __init__(
        self,
        options: LaneOptions,
        *,
        merge: MergePolicy[PendingRecord],
        reservations: Reservations,
    ) -> None:
        self.coalescer = Coalescer[PendingRecord](merge, reservations=reservations)
        self._options = options
        self._last_offsets: dict[Partition, int] = {}
        self._bytes = 0
        self._next_expiry_ms = inf
        self._changed = asyncio.Event()

    def track(self, part: Partition, record: Record) -> None:
        """Count a record, and hold its partition, until `untrack`."""
        self._last_offsets[part] = record.offset
        self._bytes += len(record.value or b"")
        part.hold()

    def untrack(self, records: Iterable[PendingRecord]) -> None:
        """Stop counting records that are settled or belong to another worker now."""
        for pending in records:
            self._bytes -= len(pending.value or b"")
            pending.part.release()
        self._changed.set()

    def add(self, item: LaneItem) -> list[PendingRecord]:
        """Queue an item, and return the records it supersedes."""
        self._note_expiry(item)
        return records_of(self.coalescer.add(item))

    def requeue(self, items: Sequence[LaneItem]) -> list[PendingRecord]:
        """Return unsent items to the queue, and return the superseded records."""
        now_s = asyncio.get_running_loop().time()
        superseded = self.coalescer.requeue(items, now_s=now_s)
        for item in items:
            self._note_expiry(item)
        if any(map(is_revoked, items)):
            self._drop_revoked()
        self._changed.set()
        return records_of(superseded)

    def release(self, items: Sequence[LaneItem], *, after_s: float = 0.0) -> None:
        """Free the ordering keys of items that are done, at once or after a delay."""
        now_s = asyncio.get_running_loop().time()
        self.coalescer.release(items, at_s=now_s + after_s if after_s else None)
        self._changed.set()

    def revoke(self, parts: Iterable[Partition]) -> None:
        """Forget waiting items of partitions that another worker will have."""
        for part in parts:
            self._last_offsets.pop(part, None)
        self._drop_revoked()

    def drop_expired(self, *, now_ms: int) -> list[PendingRecord]:
        """Remove items that waited too long; items in flight are not touched."""
        if now_ms < self._next_expiry_ms:
            return []
        self._next_expiry_ms = inf

        def is_expired(item: LaneItem) -> bool:
            self._note_expiry(item)
            return expires_ms(item) <= now_ms

        return records_of(self.coalescer.drop(is_expired))

    async def wait_for_capacity(self) -> None:
        """Return when more records may be queued."""
        while self._is_full():
            self._changed.clear()
            await self._changed.wait()

    def _is_full(self) -> bool:
        """Return True if a limit is reached.

        A superseded record waits for nothing, but its offset stays open behind an older
        record that waits: so the number of open offsets has a limit too.
        """
        options = self._options
        items = self.coalescer.waiting_count + self.coalescer.in_flight_count
        open_offsets = sum(
            _open_offsets(part, offset) for part, offset in self._last_offsets.items()
        )
        return (
            items >= options.max_pending_items
            or open_offsets >= OPEN_OFFSETS_PER_ITEM * options.max_pending_items
            or self._bytes >= options.max_pending_bytes
        )

    def _drop_revoked(self) -> None:
        """Remove waiting items of revoked partitions: these would delay a rebalance."""
        self.untrack(records_of(self.coalescer.drop(is_revoked)))

    def _note_expiry(self, item: LaneItem) -> None:
        self._next_expiry_ms = min(self._next_expiry_ms, expires_ms(item))


def records_of(items: Iterable[LaneItem]) -> list[PendingRecord]:
    """Return the records that items stand for."""
    return [pending for item in items for pending in item.records]


def _open_offsets(part: Partition, last_offset: int) -> int:
    """Count tracked offsets that a commit cannot pass yet."""
    commit_offset = part.commit_offset
    return 0 if commit_offset is None else max(0, last_offset + 1 - commit_offset)
