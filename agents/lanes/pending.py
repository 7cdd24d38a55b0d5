"""Queue of a lane's pending records, kept until the outcome is written."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.shared.records import read_record
from streams.actions.activation import Activation
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.coalescer import Coalescer, MergePolicy, QueuedItem, Reservations
from streams.delivery.duplicates import CauseId
from streams.delivery.outcome import OutcomeItem, Stage, outcome_item
from streams.delivery.verdict import ItemVerdict, Reason
from streams.events.canonical_event import Origin

MS_PER_S = 1_000

OPEN_OFFSETS_PER_ITEM = 5
"""Offsets a lane may have open for each pending item; some 100 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRecord:
    """A record of the lane, with the parts needed until the outcome is written.

    Attributes:
        part: Partition of the record, as long as this worker owns it.
        offset: Offset of the record.
        origin: The source record that caused it.
        key: Key of the record.
        value: Value of the record.
        source_ms: Time of the source record, milliseconds since the epoch.
        expires_ms: Time after which the record is not sent any more.
        message_id: Message id that the producer gave the event.
        cause: Event and index that caused the activation.
        replay: Id of the replay that caused it; empty for live events.
        mapping: Name of the mapping that made the activation; empty without one.
    """

    part: Partition
    offset: int
    origin: Origin
    key: bytes | None
    value: bytes | None
    source_ms: int
    expires_ms: int
    message_id: str = ""
    cause: CauseId = (0, 0)
    replay: str = ""
    mapping: str = ""


LaneItem = QueuedItem[PendingRecord]


def is_revoked(item: LaneItem) -> bool:
    """Return True if another worker will have a partition of an item."""
    return any(pending.part.revoking for pending in item.records)


def item_expires_ms(item: LaneItem) -> int:
    """Return the expiry of an item: the expiry of the item's latest record."""
    return max(pending.expires_ms for pending in item.records)


def records_of(items: Iterable[LaneItem]) -> list[PendingRecord]:
    """Return the records that items stand for."""
    return [pending for item in items for pending in item.records]


def to_outcome(
    pending: PendingRecord, verdict: ItemVerdict, *, now_ms: int
) -> OutcomeItem:
    """Build the outcome of a record, with the time since the source record."""
    return outcome_item(
        pending.origin,
        verdict,
        message_id=pending.message_id,
        latency_ms=max(0, now_ms - pending.source_ms),
        replay=pending.replay,
    )


def to_dead_letter(
    stage: Stage, pending: PendingRecord, verdict: ItemVerdict
) -> DeadLetter:
    """Build the dead letter for a record with such a verdict."""
    code, detail = Reason.parse(verdict.reason)
    return DeadLetter(
        origin=pending.origin,
        stage=stage,
        code=code,
        reason=detail or code,
        key=pending.key,
        value=pending.value,
        replay=pending.replay,
        source_ms=pending.source_ms,
    )


class PendingQueue:
    """All records of a lane that have no outcome yet: waiting or in flight.

    Args:
        merge: Policy for two queued items with the same ordering key.
        reservations: Keys that must not change at the moment.
        max_items: Most items that wait or are in flight.
        max_bytes: Most bytes of records that wait or are in flight.
        expire_after_s: Time a record may wait if its mapping sets no other time.

    Attributes:
        coalescer: The items, by ordering key and by batch key.
        pending_bytes: Bytes of records that wait or are in flight.
    """

    def __init__(
        self,
        *,
        merge: MergePolicy[PendingRecord],
        reservations: Reservations,
        max_items: int,
        max_bytes: int,
        expire_after_s: float,
    ) -> None:
        self.coalescer = Coalescer[PendingRecord](merge, reservations=reservations)
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._expire_after_s = expire_after_s
        self._last_offsets: dict[Partition, int] = {}
        self.pending_bytes = 0
        self._next_expiry_ms = inf
        self._changed = asyncio.Event()

    def track(
        self, part: Partition, record: Record, activation: Activation | None = None
    ) -> PendingRecord:
        """Count a record, and hold the record's partition, until `untrack`.

        Args:
            part: Partition of the record.
            record: The record.
            activation: Content of the record; None if the record is unreadable.
        """
        self._last_offsets[part] = record.offset
        self.pending_bytes += len(record.value or b"")
        part.hold()
        expire_after_s, message_id, index, replay, mapping = 0.0, "", 0, "", ""
        if activation is not None:
            expire_after_s, replay = activation.expire_after_s, activation.replay
            message_id, index = activation.message_id, activation.index
            mapping = activation.mapping
        expire_after_s = expire_after_s or self._expire_after_s
        expires_ms = record.timestamp + int(expire_after_s * MS_PER_S)
        self._next_expiry_ms = min(self._next_expiry_ms, expires_ms)
        stage_record = read_record(record)
        return PendingRecord(
            part=part,
            offset=record.offset,
            origin=stage_record.origin,
            key=record.key,
            value=record.value,
            source_ms=stage_record.source_ms,
            expires_ms=expires_ms,
            message_id=message_id,
            cause=(stage_record.event_offset, index),
            replay=replay,
            mapping=mapping,
        )

    def untrack(self, records: Iterable[PendingRecord]) -> None:
        """Stop counting records that are settled or belong to another worker now."""
        for pending in records:
            self.pending_bytes -= len(pending.value or b"")
            pending.part.release()
        self._changed.set()

    def requeue(self, items: Sequence[LaneItem]) -> list[PendingRecord]:
        """Return unsent items to the queue, and return the superseded records."""
        now_s = asyncio.get_running_loop().time()
        superseded = self.coalescer.requeue(items, now_s=now_s)
        self._next_expiry_ms = min([self._next_expiry_ms, *map(item_expires_ms, items)])
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
            expires_ms = item_expires_ms(item)
            self._next_expiry_ms = min(self._next_expiry_ms, expires_ms)
            return expires_ms <= now_ms

        return records_of(self.coalescer.drop(is_expired))

    @property
    def pending_items(self) -> int:
        """Number of items that wait or are in flight."""
        return self.coalescer.waiting_count + self.coalescer.in_flight_count

    async def wait_for_capacity(self) -> None:
        """Return when more records may be queued: no limit is reached.

        A superseded record waits for nothing, but its offset stays open behind an older
        record that waits: so the number of open offsets has a limit too.
        """
        while True:
            items = self.coalescer.waiting_count + self.coalescer.in_flight_count
            open_offsets = sum(
                max(0, last_offset + 1 - part.commit_offset)
                for part, last_offset in self._last_offsets.items()
                if part.commit_offset is not None
            )
            if (
                items < self._max_items
                and open_offsets < OPEN_OFFSETS_PER_ITEM * self._max_items
                and self.pending_bytes < self._max_bytes
            ):
                return
            self._changed.clear()
            await self._changed.wait()

    def _drop_revoked(self) -> None:
        """Remove waiting items of revoked partitions: these would delay a rebalance."""
        self.untrack(records_of(self.coalescer.drop(is_revoked)))
