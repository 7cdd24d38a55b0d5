"""What a person did with a dead letter, kept beside the dead letters."""

from enum import StrEnum

import msgspec

from streams.delivery.letters import Place, StoredLetter


class Action(StrEnum):
    """What can be done with one."""

    REQUEUED = "requeued"
    DISCARDED = "discarded"


class Handled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done with one dead letter.

    Attributes:
        action: What it was.
        at_ms: When, milliseconds since the epoch.
        replay: The command that did it; a requeued record carries its name.
        letter_ms: The dead letter's Kafka timestamp. A topic that was made anew has
            others at the same places, and those nobody has handled.
        reason: Why, where the person said so.
    """

    action: Action
    at_ms: int
    replay: str
    letter_ms: int = 0
    reason: str = ""


def of(noted: Handled, letter: StoredLetter) -> Handled:
    """Say of one dead letter what was done with many."""
    return msgspec.structs.replace(noted, letter_ms=letter.at_ms)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Handled)


def encode(handled: Handled) -> bytes:
    """Value of a row; its key is the dead letter's place."""
    return _encoder.encode(handled)


def read_row(key: bytes | None, value: bytes | None) -> tuple[Place, Handled] | None:
    """Read a row; None for what is none: its dead letter counts as not handled."""
    try:
        return Place.parse((key or b"").decode()), _decoder.decode(value or b"")
    except (msgspec.MsgspecError, ValueError):
        return None


def is_handled(letter: StoredLetter, rows: dict[Place, Handled]) -> bool:
    """Whether a person has dealt with a dead letter."""
    row = rows.get(letter.place)
    return row is not None and row.letter_ms in (0, letter.at_ms)
