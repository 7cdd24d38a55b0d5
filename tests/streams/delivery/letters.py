"""Dead letters as they lie on their topic, for tests."""

import msgspec

from streams.delivery.deadletter import DeadLetter, headers
from streams.delivery.letters import Place, StoredLetter, stored
from streams.events.origin import Origin

AT_MS = 1_772_359_200_000

LETTER = DeadLetter(
    origin=Origin(topic="source", partition=3, offset=42),
    stage="intake",
    code="not-json",
    reason="not a JSON text",
    key=b"k",
    value=b"{",
    source_ms=AT_MS - 5_000,
)


def kept(
    place: str = "0/0",
    *,
    at_ms: int = AT_MS,
    more: tuple[tuple[str, bytes], ...] = (),
    **told: object,
) -> StoredLetter:
    """A dead letter as its topic has it; `told` is other than usual."""
    letter = msgspec.structs.replace(LETTER, **told)
    return stored(
        Place.parse(place),
        at_ms=at_ms,
        headers=[*headers(letter, connector="app"), *more],
        key=letter.key,
        value=letter.value,
    )


def foreign(place: str = "0/0") -> StoredLetter:
    """A record of somebody else's."""
    return stored(Place.parse(place), at_ms=AT_MS, headers=[], key=None, value=b"?")
