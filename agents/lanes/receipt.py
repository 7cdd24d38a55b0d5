"""What a lane's item answers for: a record, where it came from, and how old it is."""

from dataclasses import dataclass

from agents.context import origin_or_position, read_at, source_time_ms
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from streams.actions.activation import Activation
from streams.delivery import outcome
from streams.delivery.deadletter import DeadLetter
from streams.delivery.outcome import OutcomeItem
from streams.delivery.queue import Item
from streams.delivery.told import Turn
from streams.delivery.verdict import ItemVerdict
from streams.events.origin import Origin

MS_PER_S = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
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
        turn: When activate came to it.
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
    turn: Turn = (0, 0)
    replay: str = ""


Waiting = Item[Receipt]


def receipt_of(
    part: Partition,
    record: Record,
    *,
    usual_s: float,
    activation: Activation | None = None,
) -> Receipt:
    """Note what is needed of a record until it is settled.

    Args:
        part: Its partition.
        record: The record.
        usual_s: How long one may wait whose mapping says nothing of that.
        activation: What it says; None where nobody can read it.
    """
    expire_after_s, message_id, number = usual_s, "", 0
    if activation is not None:
        expire_after_s = activation.expire_after_s or usual_s
        message_id, number = activation.message_id, activation.number
    return Receipt(
        part=part,
        offset=record.offset,
        origin=origin_or_position(record),
        key=record.key,
        value=record.value,
        source_ms=source_time_ms(record),
        expires_ms=record.timestamp + int(expire_after_s * MS_PER_S),
        message_id=message_id,
        turn=(read_at(record), number),
        replay=activation.replay if activation else "",
    )


def is_leaving(item: Waiting) -> bool:
    """Whether another worker will have the partition of an item."""
    return any(receipt.part.closing for receipt in item.receipts)


def expires_ms(item: Waiting) -> int:
    """When an item is too old to be sent: with the last of those it answers for."""
    return max(receipt.expires_ms for receipt in item.receipts)


def outcome_of(receipt: Receipt, verdict: ItemVerdict, *, now_ms: int) -> OutcomeItem:
    """Say how a record ended, and how long after its source record was written."""
    return outcome.item(
        receipt.origin,
        verdict,
        message_id=receipt.message_id,
        latency_ms=max(0, now_ms - receipt.source_ms),
        replay=receipt.replay,
    )


def letter_of(stage: str, receipt: Receipt, verdict: ItemVerdict) -> DeadLetter:
    """Make the dead letter of a record that is refused."""
    code, _, words = verdict.reason.partition(":")
    return DeadLetter(
        origin=receipt.origin,
        stage=stage,
        code=code,
        reason=words.strip() or code,
        key=receipt.key,
        value=receipt.value,
        replay=receipt.replay,
        source_ms=receipt.source_ms,
    )
