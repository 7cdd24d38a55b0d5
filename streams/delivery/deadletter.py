"""A record nobody can use as it is, kept with where it came from and why.

Header names follow Kafka Connect's dead letter queue (`errors.deadletterqueue.context.
headers.enable`), so that tools made for it read ours.
"""

import msgspec

from streams.events.origin import Origin

VALUE_MAX_BYTES = 900_000
"""Below Kafka's default `max.message.bytes` (1,048,588), headers included."""

_PREFIX = "__connect.errors."

SOURCE_MS = "ks.time-ms"
"""When the source record was written: what is requeued keeps it."""

REPLAY = "ks.replay"
"""The replay that took it in again."""

TRUNCATED = "ks.truncated-from-bytes"
"""How long the value was that is kept cut."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter.

    Attributes:
        origin: The source record.
        stage: Where it failed: `intake`, `activate`, `deliver.<lane>`.
        code: Stable name of the fault; groups dead letters.
        reason: The fault in words, without any value of the record.
        key: Key of the record at that stage.
        value: Its value, untouched unless larger than `VALUE_MAX_BYTES`.
        replay: The replay that took the record in again; empty the first time.
        source_ms: When the source record was written, milliseconds since the epoch.
    """

    origin: Origin
    stage: str
    code: str
    reason: str
    key: bytes | None
    value: bytes | None
    replay: str = ""
    source_ms: int = 0


def headers(letter: DeadLetter, *, connector: str) -> list[tuple[str, bytes]]:
    """Kafka Connect's headers; `connector` is the app's id."""
    named = {
        "topic": letter.origin.topic,
        "partition": str(letter.origin.partition),
        "offset": str(letter.origin.offset),
        "connector.name": connector,
        "stage": letter.stage,
        "exception.class.name": letter.code,
        "exception.message": letter.reason,
    }
    lines = [(_PREFIX + name, text.encode()) for name, text in named.items()]
    if letter.source_ms:
        lines.append((SOURCE_MS, b"%d" % letter.source_ms))
    if letter.replay:
        lines.append((REPLAY, letter.replay.encode()))
    if letter.value is not None and len(letter.value) > VALUE_MAX_BYTES:
        lines.append((TRUNCATED, str(len(letter.value)).encode()))
    return lines


def body(letter: DeadLetter) -> bytes | None:
    """The value to keep, cut to what a topic takes."""
    return None if letter.value is None else letter.value[:VALUE_MAX_BYTES]
