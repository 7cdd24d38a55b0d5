"""What a person did with a dead letter, kept beside the dead letters."""

from enum import StrEnum

import msgspec

from streams.dead_letters.record import DeadLetterRecord, TopicOffset


class ResolutionAction(StrEnum):
    """What can be done with one."""

    REQUEUED = "requeued"
    DISCARDED = "discarded"


class Resolution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done with one dead letter.

    Attributes:
        action: What it was.
        at_ms: When, milliseconds since the epoch.
        replay: The command that did it; a requeued record carries its name.
        dead_letter_ms: The dead letter's Kafka timestamp. A topic that was made anew has
            others at the same places, and those nobody has handled.
        note: Why, where the person said so.
    """

    action: ResolutionAction
    at_ms: int
    replay: str
    dead_letter_ms: int = 0
    note: str = ""


def resolution_for(resolution: Resolution, record: DeadLetterRecord) -> Resolution:
    """Say of one dead letter what was done with many."""
    return msgspec.structs.replace(resolution, dead_letter_ms=record.timestamp_ms)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Resolution)


def encode_resolution(resolution: Resolution) -> bytes:
    """Value of a row; its key is the dead letter's place."""
    return _encoder.encode(resolution)


def decode_resolution(
    key: bytes | None, value: bytes | None
) -> tuple[TopicOffset, Resolution] | None:
    """Read a row; None for what is none: its dead letter counts as not handled."""
    try:
        return TopicOffset.parse((key or b"").decode()), _decoder.decode(value or b"")
    except (msgspec.MsgspecError, ValueError):
        return None


def is_resolved(
    record: DeadLetterRecord, resolutions: dict[TopicOffset, Resolution]
) -> bool:
    """Whether a person has dealt with a dead letter."""
    resolution = resolutions.get(record.topic_offset)
    return resolution is not None and resolution.dead_letter_ms in (
        0,
        record.timestamp_ms,
    )
