"""Outcomes of stages: the record of every verdict, at least one per source record."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, Self

import msgspec

from streams.chunks import chunk_by_weight
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.events.canonical_event import Origin
from streams.settings.model import LaneId

_DELIVER: Final = "deliver"


class Stage(StrEnum):
    """Step of the journey: `intake`, `activate`, or `deliver.<lane>`.

    `Stage(text)` reads what `str` writes, and raises ValueError for anything else.
    """

    INTAKE = "intake"
    ACTIVATE = "activate"
    DELIVER_CONSENT = f"{_DELIVER}.{LaneId.CONSENT}"
    DELIVER_LISTS = f"{_DELIVER}.{LaneId.LISTS}"
    DELIVER_EVENTS = f"{_DELIVER}.{LaneId.EVENTS}"
    DELIVER_PROFILES = f"{_DELIVER}.{LaneId.PROFILES}"
    DELIVER_PRIVACY = f"{_DELIVER}.{LaneId.PRIVACY}"

    @classmethod
    def deliver(cls, lane: LaneId) -> Self:
        """Return the deliver stage of a lane."""
        return cls(f"{_DELIVER}.{lane}")

    @property
    def lane(self) -> LaneId | None:
        """Lane of a deliver stage; None for the other stages."""
        _, _, lane = self.partition(".")
        return LaneId(lane) if lane else None


class OutcomeItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Verdict on a source record at a stage, as written to the outcomes topic.

    Attributes:
        origin: The source record.
        verdict: The verdict.
        reason: Text of a `Reason`: a code, then optionally `: ` and an explanation.
        status: HTTP status that led to the verdict; 0 if none did.
        attempts: Number of requests that held the item.
        message_id: Message id that the producer gave the event; empty if there is none.
        latency_ms: Time since the source record's Kafka timestamp.
        replay: Id of the replay that reprocesses the record; empty for live records.
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
    """Record of the outcomes topic: the verdicts on a batch.

    Attributes:
        stage: `intake`, `activate` or `deliver.<lane>`.
        items: One item for each source record of the batch.
        action: Name of the action, at the deliver stages.
    """

    stage: str
    items: tuple[OutcomeItem, ...]
    action: str = ""


VALUE_MAX_BYTES = 800_000
"""Below Kafka's default `max.message.bytes` (1,048,588)."""

_ITEM_BYTES = 600
"""Size of an item without message id and reason, with the longest topic name."""

_CHAR_BYTES = 6
"""Size of an escaped character in JSON."""

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
    """Build the outcome item for a source record."""
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
    """Encode items as values for the outcomes topic; no items, no values."""
    return [
        _encoder.encode(Outcome(stage=stage, items=chunk, action=action))
        for chunk in chunk_by_weight(
            items, weight=_item_bytes, weight_max=VALUE_MAX_BYTES
        )
    ]


def _item_bytes(item: OutcomeItem) -> int:
    return _ITEM_BYTES + _CHAR_BYTES * (len(item.message_id) + len(item.reason))


def decode_outcome(value: bytes) -> Outcome:
    """Decode a value that `encode_outcomes` wrote.

    Raises:
        msgspec.MsgspecError: The value is not an outcome.
    """
    return _decoder.decode(value)
