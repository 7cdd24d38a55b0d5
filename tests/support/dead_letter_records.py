"""Dead letters as they lie on their topic, for tests."""

import msgspec

from streams.dead_letters.encoding import DeadLetter, encode_headers
from streams.dead_letters.record import DeadLetterRecord, TopicOffset, read_record
from streams.delivery.outcome import Stage
from streams.events.canonical_event import Origin

TIMESTAMP_MS = 1_772_359_200_000

DEAD_LETTER = DeadLetter(
    origin=Origin(topic="source", partition=3, offset=42),
    stage=Stage.INTAKE,
    code="not-json",
    reason="not a JSON text",
    key=b"k",
    value=b"{",
    source_ms=TIMESTAMP_MS - 5_000,
)


def stored_dead_letter(
    topic_offset: str = "0/0",
    *,
    timestamp_ms: int = TIMESTAMP_MS,
    extra_headers: tuple[tuple[str, bytes], ...] = (),
    **fields: object,
) -> DeadLetterRecord:
    """A dead letter as its topic has it; `told` is other than usual."""
    if "stage" in fields:
        fields["stage"] = Stage(str(fields["stage"]))
    dead_letter = msgspec.structs.replace(DEAD_LETTER, **fields)
    return read_record(
        TopicOffset.parse(topic_offset),
        timestamp_ms=timestamp_ms,
        headers=[*encode_headers(dead_letter, connector="app"), *extra_headers],
        key=dead_letter.key,
        value=dead_letter.value,
    )


def foreign_record(topic_offset: str = "0/0") -> DeadLetterRecord:
    """A record of somebody else's."""
    return read_record(
        TopicOffset.parse(topic_offset),
        timestamp_ms=TIMESTAMP_MS,
        headers=[],
        key=None,
        value=b"?",
    )
