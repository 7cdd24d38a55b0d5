"""A record nobody can use as it is, kept with where it came from and why.

Header names follow Kafka Connect's dead letter queue (`errors.deadletterqueue.context.
headers.enable`), so that tools made for it read ours.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from streams.actions.activation import Lane
from streams.errors import PoisonRecord
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


DELIVER: Final = "deliver."
"""Begins the stage of each lane."""

STAGES: Final = frozenset({"intake", "activate", *(DELIVER + lane for lane in Lane)})


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


def read(
    headers: Iterable[tuple[str, bytes | None]],
    *,
    key: bytes | None,
    value: bytes | None,
) -> DeadLetter | None:
    """Read what `headers` and `body` wrote; None for a record of somebody else's."""
    told = {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
    place = [told.get(_PREFIX + name, "") for name in ("topic", "partition", "offset")]
    stage = told.get(_PREFIX + "stage", "")
    code = told.get(_PREFIX + "exception.class.name", "")
    if stage not in STAGES or not code:
        return None
    try:
        origin = Origin.parse("/".join(place))
    except PoisonRecord:
        return None
    written = told.get(SOURCE_MS, "")
    return DeadLetter(
        origin=origin,
        stage=stage,
        code=code,
        reason=told.get(_PREFIX + "exception.message", ""),
        key=key,
        value=value,
        replay=told.get(REPLAY, ""),
        source_ms=int(written) if written.isdecimal() else 0,
    )
