"""What a lane's item answers for: a record, where it came from, and how old it is."""

from dataclasses import dataclass

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.shared.context import (
    read_event_offset,
    read_origin_or_own,
    read_source_time_ms,
)
from streams.actions.activation import Activation
from streams.dead_letters.encoding import DeadLetter
from streams.delivery import outcome
from streams.delivery.coalescer import QueuedItem
from streams.delivery.duplicates import CauseId
from streams.delivery.outcome import OutcomeItem
from streams.delivery.verdict import ItemVerdict
from streams.events.origin import Origin

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRecord:
    """The record of the lane that an item answers for.

    Attributes:
        part: Its partition, as long as it is ours.
        offset: Its place there.
        origin: The source record behind it.
        key: Its key.
        value: Its value.
        source_ms: When the source record was written, milliseconds since the epoch.
        expires_ms: From then on it is not sent any more.
        message_id: The producer's name for the event.
        cause: When activate came to it.
        replay: The replay that caused it; empty for what happens now.
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
    """Note what is needed of a record until it is settled.

    Args:
        part: Its partition.
        record: The record.
        default_expiry_s: How long one may wait whose mapping says nothing of that.
        activation: What it says; None where nobody can read it.
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
    """Whether another worker will have the partition of an item."""
    return any(pending.part.revoking for pending in item.records)


def expires_ms(item: LaneItem) -> int:
    """When an item is too old to be sent: with the last of those it answers for."""
    return max(pending.expires_ms for pending in item.records)


def to_outcome(
    pending: PendingRecord, verdict: ItemVerdict, *, now_ms: int
) -> OutcomeItem:
    """Say how a record ended, and how long after its source record was written."""
    return outcome.outcome_item(
        pending.origin,
        verdict,
        message_id=pending.message_id,
        latency_ms=max(0, now_ms - pending.source_ms),
        replay=pending.replay,
    )


def to_dead_letter(
    stage: str, pending: PendingRecord, verdict: ItemVerdict
) -> DeadLetter:
    """Make the dead letter of a record that is refused."""
    code, _, detail = verdict.reason.partition(":")
    return DeadLetter(
        origin=pending.origin,
        stage=stage,
        code=code,
        reason=detail.strip() or code,
        key=pending.key,
        value=pending.value,
        replay=pending.replay,
        source_ms=pending.source_ms,
    )
