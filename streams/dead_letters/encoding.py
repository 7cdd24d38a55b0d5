"""Format of dead letters: failed records, with the origin and the reason.

Header names follow Kafka Connect's dead letter queue (`errors.deadletterqueue.context.
headers.enable`), so that tools made for that
queue read these dead letters too.
"""

from collections.abc import Iterable

import msgspec

from streams.delivery.outcome import Stage
from streams.errors import PoisonRecord
from streams.events.canonical_event import REPLAY_HEADER, SOURCE_TIME_HEADER, Origin

VALUE_MAX_BYTES = 900_000
"""Below Kafka's default `max.message.bytes` (1,048,588), headers included."""

_CONNECT_PREFIX = "__connect.errors."

TRUNCATED_HEADER = "ks.truncated-from-bytes"
"""Length of the value before it was truncated."""


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
    """

    origin: Origin
    stage: Stage
    code: str
    reason: str
    key: bytes | None
    value: bytes | None
    replay: str = ""
    source_ms: int = 0


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
    if dead_letter.source_ms:
        headers.append((SOURCE_TIME_HEADER, b"%d" % dead_letter.source_ms))
    if dead_letter.replay:
        headers.append((REPLAY_HEADER, dead_letter.replay.encode()))
    if dead_letter.value is not None and len(dead_letter.value) > VALUE_MAX_BYTES:
        headers.append((TRUNCATED_HEADER, str(len(dead_letter.value)).encode()))
    return headers


def encode_value(dead_letter: DeadLetter) -> bytes | None:
    """Return the value to write, truncated to a size that the topic accepts."""
    return None if dead_letter.value is None else dead_letter.value[:VALUE_MAX_BYTES]


def decode_dead_letter(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    key: bytes | None,
    value: bytes | None,
) -> DeadLetter | None:
    """Decode a dead letter; None for a record that is not from this project."""
    texts = {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
    origin_parts = [
        texts.get(_CONNECT_PREFIX + name, "")
        for name in ("topic", "partition", "offset")
    ]
    code = texts.get(_CONNECT_PREFIX + "exception.class.name", "")
    if not code:
        return None
    try:
        stage = Stage(texts.get(_CONNECT_PREFIX + "stage", ""))
        origin = Origin.parse("/".join(origin_parts))
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
    )
