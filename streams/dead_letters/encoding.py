"""A record nobody can use as it is, kept with where it came from and why.

Header names follow Kafka Connect's dead letter queue (`errors.deadletterqueue.context.
headers.enable`), so that tools made for it read ours.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.actions.activation import LaneId
from streams.errors import PoisonRecord
from streams.events.origin import Origin

VALUE_MAX_BYTES = 900_000
"""Below Kafka's default `max.message.bytes` (1,048,588), headers included."""

_CONNECT_PREFIX = "__connect.errors."

SOURCE_TIME_HEADER = "ks.time-ms"
"""When the source record was written: what is requeued keeps it."""

REPLAY_HEADER = "ks.replay"
"""The replay that took it in again."""

TRUNCATED_HEADER = "ks.truncated-from-bytes"
"""How long the value was that is kept cut."""


DELIVER_PREFIX: Final = "deliver."
"""Begins the stage of each lane."""

STAGES: Final = frozenset(
    {"intake", "activate", *(DELIVER_PREFIX + lane for lane in LaneId)}
)


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


def encode_headers(
    dead_letter: DeadLetter, *, connector: str
) -> list[tuple[str, bytes]]:
    """Kafka Connect's headers; `connector` is the app's id."""
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
    """The value to keep, cut to what a topic takes."""
    return None if dead_letter.value is None else dead_letter.value[:VALUE_MAX_BYTES]


def decode_dead_letter(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    key: bytes | None,
    value: bytes | None,
) -> DeadLetter | None:
    """Read what `headers` and `body` wrote; None for a record of somebody else's."""
    texts = {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
    origin_parts = [
        texts.get(_CONNECT_PREFIX + name, "")
        for name in ("topic", "partition", "offset")
    ]
    stage = texts.get(_CONNECT_PREFIX + "stage", "")
    code = texts.get(_CONNECT_PREFIX + "exception.class.name", "")
    if stage not in STAGES or not code:
        return None
    try:
        origin = Origin.parse("/".join(origin_parts))
    except PoisonRecord:
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
