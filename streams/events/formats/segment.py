"""Segment JSON: decoding of a record's bytes to a canonical event."""

import re
from typing import Any, cast

from streams.errors import PoisonRecord
from streams.events.canonical_event import (
    EVENT_KINDS,
    CanonicalEvent,
    EventKind,
    Origin,
    Replay,
    section,
)
from streams.events.formats.source_record import Bodies, DecodedRecord
from streams.events.identifiers import normalize_ids, read_id, user_key_of, valid_id
from streams.events.row import CHANGE_NAMES, is_row, normalize_row
from streams.events.sources import Source
from streams.events.text import MAX_EVENT_BYTES, check_json, read_json
from streams.events.time import event_time_ms

_SECTIONS = ("traits", "properties", "context")
_VERSION = re.compile(r"[12](\.[0-9]+){0,2}")
"""Versions of Segment's tracking API so far: 1, 1.x and 2, as number or text."""


def decode(  # noqa: PLR0913 - a record's parts, and two bounds
    raw: bytes | None,
    *,
    origin: Origin,
    record_time_ms: int,
    now_ms: int,
    max_event_bytes: int = MAX_EVENT_BYTES,
    replay: Replay | None = None,
    body: Any = None,  # noqa: ANN401 - any JSON
) -> CanonicalEvent:
    """Decode a record value to a canonical event.

    An event without `type` but with an `event` name is a track call: hand-written
    producers send such events. Of a repeated JSON key the last value counts. A UTF-8
    byte order mark is ignored.

    Args:
        raw: Value of the record: UTF-8 JSON, one object; None is a tombstone.
        origin: The source record.
        record_time_ms: The record's Kafka timestamp, for an event without a time.
        now_ms: The clock, milliseconds since the epoch.
        max_event_bytes: A longer value is refused unread.
        replay: The replay that brings the event in again; None the first time.
        body: JSON of the value, if somebody has decoded the value already; the event
            takes it over, and normalizes it.

    Raises:
        PoisonRecord: The value is not an event; `code` names the fault.
    """
    if not raw:
        raise PoisonRecord("no-value", "the record has no value")
    if body is None:
        body = read_json(raw, max_bytes=max_event_bytes)
    else:
        check_json(body, raw, max_bytes=max_event_bytes)
    if not isinstance(body, dict):
        raise PoisonRecord("not-an-object", "the value is JSON but not an object")
    _check_parts(body)
    kind = body["type"] = _read_kind(body)
    normalize_ids(body)
    if body.get("event") in CHANGE_NAMES and is_row(body):
        normalize_row(body)
    if kind == "identify":
        _adopt_context_traits(body)
    return CanonicalEvent(
        kind=kind,
        user=user_key_of(body, kind=kind),
        message_id=read_id(body, "messageId"),
        time_ms=event_time_ms(body, record_time_ms=record_time_ms, now_ms=now_ms),
        origin=origin,
        body=body,
        replay=replay,
    )


def bodies_of(record: DecodedRecord, source: Source) -> Bodies:
    """Return the value unchanged: an event, or the input of the source's mapping.

    Raises:
        PoisonRecord: The record has no value.
    """
    del source
    if record.value is None:
        raise PoisonRecord("no-value", "the record has no value")
    return [record.value]


def _adopt_context_traits(body: dict[str, Any]) -> None:
    """Read traits from the context, where RudderStack's browser library puts them."""
    context_traits = section(section(body, "context"), "traits")
    if context_traits and not section(body, "traits"):
        body["traits"] = context_traits


def _check_parts(body: dict[str, Any]) -> None:
    version = body.get("version")
    if version is not None and version != "":
        is_number_or_text = isinstance(version, str | int | float)
        if isinstance(version, bool) or not is_number_or_text:
            raise PoisonRecord("unknown-version", "version is not a number or text")
        if not _VERSION.fullmatch(str(version)):
            wording = "version is not 1, 1.x or 2 of Segment's"
            raise PoisonRecord("unknown-version", wording)
    for name in _SECTIONS:
        value = body.get(name)
        if not (type(value) is dict or value is None or value == []):
            raise PoisonRecord(f"bad-{name}", f"{name} is not an object")
    value = section(body, "context").get("traits")
    if not (type(value) is dict or value is None or value == []):
        raise PoisonRecord("bad-context", "context.traits is not an object")


def _read_kind(body: dict[str, Any]) -> EventKind:
    kind, event_name = body.get("type"), body.get("event")
    if kind is None or kind == "":
        if not event_name:
            raise PoisonRecord("no-type", "neither a type nor an event name")
        kind = "track"
    if not isinstance(kind, str):
        raise PoisonRecord("bad-type", "type is not a string")
    if kind not in EVENT_KINDS:
        raise PoisonRecord("unknown-type", "type is not a call of the Segment spec")
    if kind == "track":
        if event_name is None or event_name == "":
            raise PoisonRecord("no-event-name", "a track call without an event name")
        if not (isinstance(event_name, str) and valid_id(event_name, name="event")):
            raise PoisonRecord("bad-event-name", "event is not text, or is blank")
    return cast("EventKind", kind)
