"""What is recorded of every source record: one outcome at least."""

from collections.abc import Iterable

import msgspec

from streams.chunks import chunk_by_weight
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.events.origin import Origin


class OutcomeItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source record's end at one stage.

    Attributes:
        origin: The source record.
        verdict: Where it ended.
        reason: Code, then optionally `: ` and words.
        status: HTTP status that decided it; 0 when none did.
        attempts: Requests that carried it.
        message_id: The producer's name for the event; empty when it gave none.
        latency_ms: From the source record's Kafka timestamp to here.
        replay: The replay that took the record in again; empty the first time.
    """

    origin: Origin
    verdict: Verdict
    reason: str = ""
    status: int = 0
    attempts: int = 1
    message_id: str = ""
    latency_ms: int = 0
    replay: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the outcomes topic: what became of a batch.

    Attributes:
        stage: `intake`, `activate` or `deliver.<lane>`.
        items: Every source record in it.
        action: What was to be done, at deliver.
    """

    stage: str
    items: tuple[OutcomeItem, ...]
    action: str = ""


VALUE_MAX_BYTES = 800_000
"""Below Kafka's default `max.message.bytes` (1,048,588)."""

_ITEM_BYTES = 600
"""All of an item but its message id and reason, with the longest topic name."""

_CHAR_BYTES = 6
"""A character of JSON, escaped."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outcome)


def outcome_item(
    origin: Origin,
    verdict: ItemVerdict,
    *,
    message_id: str = "",
    latency_ms: int = 0,
    replay: str = "",
) -> OutcomeItem:
    """One item's line."""
    return OutcomeItem(
        origin=origin,
        verdict=verdict.verdict,
        reason=verdict.reason,
        status=verdict.status,
        attempts=verdict.attempts,
        message_id=message_id,
        latency_ms=latency_ms,
        replay=replay,
    )


def encode_outcomes(
    stage: str, items: Iterable[OutcomeItem], *, action: str = ""
) -> list[bytes]:
    """Values for the outcomes topic; none when there is nothing to say."""
    return [
        _encoder.encode(Outcome(stage=stage, items=chunk, action=action))
        for chunk in chunk_by_weight(
            items, weight=_item_bytes, weight_max=VALUE_MAX_BYTES
        )
    ]


def _item_bytes(item: OutcomeItem) -> int:
    return _ITEM_BYTES + _CHAR_BYTES * (len(item.message_id) + len(item.reason))


def decode_outcome(value: bytes) -> Outcome:
    """Read what `encode` wrote.

    Raises:
        msgspec.MsgspecError: It is something else.
    """
    return _decoder.decode(value)
