"""Format of dead letters: failed records, with the origin and the reason.

Header names follow Kafka Connect's dead letter queue (`errors.deadletterqueue.context.
headers.enable`), so that tools made for that
queue read these dead letters too.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from streams.delivery.outcome import Stage
from streams.errors import PoisonRecord
from streams.events.canonical_event import (
    CANONICAL_HEADER,
    ORIGIN_HEADER,
    REPLAY_HEADER,
    SOURCE_HEADER_PREFIX,
    SOURCE_TIME_HEADER,
    Origin,
    producer_headers,
)

VALUE_MAX_BYTES = 900_000
"""Below Kafka's default `max.message.bytes` (1,048,588), headers included."""

SOURCE_HEADERS_MAX_BYTES = 64_000
"""Bytes of the producer's headers that are kept, so that key, value and headers
together stay below Kafka's limit."""

KEY_MAX_BYTES = 64_000
"""For the same reason; keys of ours are far shorter."""

_LENGTHS_BYTES = 10
"""Kafka's record format, version 2: two lengths of at most 5 bytes before a header's
name and its value."""

_CONNECT_PREFIX = "__connect.errors."

TRUNCATED_HEADER = "ks.truncated-from-bytes"
"""Length of the value before it, or the key, was truncated."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """Record that failed at a stage.

    Attributes:
        origin: The source record.
        stage: Stage at which the record failed.
        code: Stable name of the fault; dead letters are grouped by it.
        reason: Explanation of the fault, without any value of the record.
        key: Key of the record at that stage.
        value: Value of the record at that stage, at most `VALUE_MAX_BYTES` of it.
        replay: Id of the replay that reprocessed the record; empty for live records.
        source_ms: Time of the source record, milliseconds since the epoch, or 0.
        source_headers: Headers that the producer gave the source record.
        is_canonical: Whether the value is a canonical event, and no longer in the
            source's format.
    """

    origin: Origin
    stage: Stage
    code: str
    reason: str
    key: bytes | None
    value: bytes | None
    replay: str = ""
    source_ms: int = 0
    source_headers: Mapping[str, bytes] = {}
    is_canonical: bool = False


def encode_headers(
    dead_letter: DeadLetter, *, connector: str
) -> list[tuple[str, bytes]]:
    """Encode the headers of a dead letter; `connector` is the id of the app."""
    context = {
        "topic": dead_letter.origin.topic,
        "partition": str(dead_letter.origin.partition),
        "offset": str(dead_letter.origin.offset),
        "connector.name": connector,
        "stage": dead_letter.stage,
        "exception.class.name": dead_letter.code,
        "exception.message": dead_letter.reason,
    }
    headers = [
        (_CONNECT_PREFIX + name, text.encode()) for name, text in context.items()
    ]
    if dead_letter.origin.index:
        headers.append((ORIGIN_HEADER, str(dead_letter.origin).encode()))
    if dead_letter.source_ms:
        headers.append((SOURCE_TIME_HEADER, b"%d" % dead_letter.source_ms))
    if dead_letter.replay:
        headers.append((REPLAY_HEADER, dead_letter.replay.encode()))
    key, value = dead_letter.key or b"", dead_letter.value or b""
    if len(value) > VALUE_MAX_BYTES or len(key) > KEY_MAX_BYTES:
        headers.append((TRUNCATED_HEADER, b"%d" % len(value)))
    if dead_letter.is_canonical:
        headers.append((CANONICAL_HEADER, b"1"))
    return headers + encode_source_headers(dead_letter.source_headers)


def encode_source_headers(headers: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """Return the producer's headers under names of ours, as far as there is space."""
    encoded, space = [], SOURCE_HEADERS_MAX_BYTES
    for name, value in headers.items():
        own_name = SOURCE_HEADER_PREFIX + name
        size = len(own_name.encode()) + len(value) + _LENGTHS_BYTES
        if size <= space:
            encoded.append((own_name, value))
            space -= size
    return encoded


def encode_key(dead_letter: DeadLetter) -> bytes | None:
    """Return the key to write, truncated to a size that the topic accepts."""
    return None if dead_letter.key is None else dead_letter.key[:KEY_MAX_BYTES]


def encode_value(dead_letter: DeadLetter) -> bytes | None:
    """Return the value to write, truncated to a size that the topic accepts."""
    return None if dead_letter.value is None else dead_letter.value[:VALUE_MAX_BYTES]


def remove_content(
    headers: Sequence[tuple[str, bytes]], *, size: int
) -> list[tuple[str, bytes]]:
    """Return the headers of a dead letter whose value and producer's headers are gone.

    Args:
        headers: Headers by `encode_headers`.
        size: Length of the value in bytes.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name != TRUNCATED_HEADER and not name.startswith(SOURCE_HEADER_PREFIX)
    ]
    return [*kept, (TRUNCATED_HEADER, b"%d" % size)]


def decode_dead_letter(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    key: bytes | None,
    value: bytes | None,
) -> DeadLetter | None:
    """Decode a dead letter; None for a record that is not from this project."""
    values = {name: value or b"" for name, value in headers}
    texts = {name: value.decode("utf-8", "replace") for name, value in values.items()}
    origin_parts = [
        texts.get(_CONNECT_PREFIX + name, "")
        for name in ("topic", "partition", "offset")
    ]
    code = texts.get(_CONNECT_PREFIX + "exception.class.name", "")
    if not code:
        return None
    try:
        stage = Stage(texts.get(_CONNECT_PREFIX + "stage", ""))
        origin = Origin.parse(texts.get(ORIGIN_HEADER) or "/".join(origin_parts))
    except (PoisonRecord, ValueError):
        return None
    source_ms = texts.get(SOURCE_TIME_HEADER, "")
    return DeadLetter(
        origin=origin,
        stage=stage,
        code=code,
        reason=texts.get(_CONNECT_PREFIX + "exception.message", ""),
        key=key,
        value=value,
        replay=texts.get(REPLAY_HEADER, ""),
        source_ms=int(source_ms) if source_ms.isdecimal() else 0,
        source_headers=producer_headers(values, is_internal=True),
        is_canonical=CANONICAL_HEADER in values,
    )
