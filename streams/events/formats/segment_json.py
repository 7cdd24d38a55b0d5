"""Segment JSON: decoding of a record's bytes to a canonical event."""

import re
from typing import Any, cast

import orjson

from streams.errors import PoisonRecord
from streams.events.canonical_event import (
    EVENT_KINDS,
    CanonicalEvent,
    EventKind,
    Origin,
    Replay,
    section,
)
from streams.events.identifiers import normalize_ids, read_id, user_key_of, valid_id
from streams.events.text import repair_json
from streams.events.time import event_time_ms

MAX_EVENT_BYTES = 1_000_000
"""Ours: Segment takes 32 KB an event, a Kafka broker 1 MB a record by default."""

MAX_DEPTH = 100
"""Ours: Klaviyo takes 10; orjson reads 1,024 levels but writes only 254."""

_BOM = b"\xef\xbb\xbf"
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

    Raises:
        PoisonRecord: The value is not an event; `code` names the fault.
    """
    body = _read_object(raw, max_event_bytes=max_event_bytes)
    _check_parts(body)
    kind = body["type"] = _read_kind(body)
    normalize_ids(body)
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


def _read_object(raw: bytes | None, *, max_event_bytes: int) -> dict[str, Any]:
    if not raw:
        raise PoisonRecord("no-value", "the record has no value")
    if len(raw) > max_event_bytes:
        raise PoisonRecord("too-large", f"the value is over {max_event_bytes} bytes")
    raw = raw.removeprefix(_BOM)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as err:
        body = _repair(raw, err)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # else it cannot be too deep
        _check_depth(body)
    if not isinstance(body, dict):
        raise PoisonRecord("not-an-object", "the value is JSON but not an object")
    return body


def _repair(raw: bytes, err: orjson.JSONDecodeError) -> Any:  # noqa: ANN401 - any JSON
    """Decode JSON that holds halves of surrogate pairs.

    Raises:
        PoisonRecord: The value has another fault.
    """
    try:
        if b"\\u" in raw:
            return orjson.loads(repair_json(raw))
    except (ValueError, RecursionError):
        pass
    raise _json_problem(raw, err) from None


def _adopt_context_traits(body: dict[str, Any]) -> None:
    """Read traits from the context, where RudderStack's browser library puts them."""
    context_traits = section(section(body, "context"), "traits")
    if context_traits and not section(body, "traits"):
        body["traits"] = context_traits


def _json_problem(raw: bytes, err: orjson.JSONDecodeError) -> PoisonRecord:
    """Describe a JSON fault and the position; orjson's message never quotes a value."""
    if err.msg.startswith("depth limit"):
        return PoisonRecord("too-deep", f"nested over {MAX_DEPTH} levels")
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        return PoisonRecord("not-utf8", f"byte {undecodable.start} is not UTF-8")
    return PoisonRecord("not-json", f"{err.msg} at character {err.pos}")


def _check_depth(body: object) -> None:
    level = [body]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _containers_in(value)]
        if not level:
            return
    raise PoisonRecord("too-deep", f"nested over {MAX_DEPTH} levels")


def _containers_in(value: object) -> list[object]:
    inside = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return []
    return [inner for inner in inside if isinstance(inner, dict | list)]


def _check_parts(body: dict[str, Any]) -> None:
    version = body.get("version")
    if version is not None and version != "":
        is_number_or_text = isinstance(version, str | int | float)
        if isinstance(version, bool) or not is_number_or_text:
            raise PoisonRecord("unknown-version", "version is not a number or text")
        if not _VERSION.fullmatch(str(version)):
            wording = "version is not 1, 1.x or 2 of Segment's"
            raise PoisonRecord("unknown-version", wording)
    context_traits = section(body, "context").get("traits")
    sections = [(name, body.get(name), name) for name in _SECTIONS]
    for code, value, name in (*sections, ("context", context_traits, "context.traits")):
        if not (value is None or isinstance(value, dict) or value == []):
            raise PoisonRecord(f"bad-{code}", f"{name} is not an object")


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
