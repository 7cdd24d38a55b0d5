"""Resolutions: dead letters that a person requeued or discarded."""

from enum import StrEnum

import msgspec

from streams.dead_letters.record import DeadLetterRecord, TopicOffset


class ResolutionAction(StrEnum):
    """Ways to resolve a dead letter."""

    REQUEUED = "requeued"
    DISCARDED = "discarded"


class Resolution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Resolution of a dead letter, with the author and the reason.

    Attributes:
        action: The way it was resolved.
        at_ms: Time of the resolution, milliseconds since the epoch.
        replay: Id of the command that did it; a requeued record has it in a header.
        dead_letter_ms: Kafka timestamp of the dead letter. A topic that was deleted and
            created again has other dead letters at the same offsets, not resolved yet.
        note: Note of the person; may be empty.
    """

    action: ResolutionAction
    at_ms: int
    replay: str
    dead_letter_ms: int = 0
    note: str = ""


def resolution_for(resolution: Resolution, record: DeadLetterRecord) -> Resolution:
    """Return the resolution of many dead letters as that of a single dead letter."""
    return msgspec.structs.replace(resolution, dead_letter_ms=record.timestamp_ms)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Resolution)


def encode_resolution(resolution: Resolution) -> bytes:
    """Encode a resolution; the key of the row is the offset of the dead letter."""
    return _encoder.encode(resolution)


def decode_resolution(
    key: bytes | None, value: bytes | None
) -> tuple[TopicOffset, Resolution] | None:
    """Decode a row; None for anything else: the dead letter is not resolved then."""
    try:
        return TopicOffset.parse((key or b"").decode()), _decoder.decode(value or b"")
    except (msgspec.MsgspecError, ValueError):
        return None


def is_resolved(
    record: DeadLetterRecord, resolutions: dict[TopicOffset, Resolution]
) -> bool:
    """Return True if a person has requeued or discarded a dead letter."""
    resolution = resolutions.get(record.topic_offset)
    return resolution is not None and resolution.dead_letter_ms in (
        0,
        record.timestamp_ms,
    )
