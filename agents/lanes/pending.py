"""Pending records: the records of a lane whose outcome is not written yet."""

from dataclasses import dataclass

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.shared.headers import (
    read_event_offset,
    read_origin_or_own,
    read_source_time_ms,
)
from streams.actions.activation import Activation
from streams.dead_letters.encoding import DeadLetter
from streams.delivery.coalescer import QueuedItem
from streams.delivery.duplicates import CauseId
from streams.delivery.outcome import OutcomeItem, outcome_item
from streams.delivery.stage import Stage
from streams.delivery.verdict import ItemVerdict, Reason
from streams.events.origin import Origin

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRecord:
    """A record of the lane, as far as it is needed until its outcome is written.

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


LaneItem = QueuedItem[PendingRecord]


def pending_record(
    part: Partition,
    record: Record,
    *,
    default_expiry_s: float,
    activation: Activation | None = None,
) -> PendingRecord:
    """Build the pending record for a record of the lane.

    Args:
        part: Partition of the record.
        record: The record.
        default_expiry_s: Time a record may wait if its mapping sets no other time.
        activation: Content of the record; None if the record is unreadable.
    """
    expire_after_s, message_id, index = default_expiry_s, "", 0
    if activation is not None:
        expire_after_s = activation.expire_after_s or default_expiry_s
        message_id, index = activation.message_id, activation.index
    return PendingRecord(
        part=part,
        offset=record.offset,
        origin=read_origin_or_own(record),
        key=record.key,
        value=record.value,
        source_ms=read_source_time_ms(record),
        expires_ms=record.timestamp + int(expire_after_s * MS_PER_S),
        message_id=message_id,
        cause=(read_event_offset(record), index),
        replay=activation.replay if activation else "",
    )


def is_revoked(item: LaneItem) -> bool:
    """Return True if another worker will have a partition of an item."""
    return any(pending.part.revoking for pending in item.records)


def expires_ms(item: LaneItem) -> int:
    """Return the time after which an item is not sent: that of its latest record."""
    return max(pending.expires_ms for pending in item.records)


def to_outcome(
    pending: PendingRecord, verdict: ItemVerdict, *, now_ms: int
) -> OutcomeItem:
    """Build the outcome of a record, with the time since its source record."""
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
