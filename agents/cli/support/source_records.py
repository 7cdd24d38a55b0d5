"""Raw records of a source, as lines of `explain --source`."""

import base64
import binascii
from typing import Any, Final

import orjson

from agents.cli.support.event_tester import TestRequest, parse_object
from agents.shared.context import clock_ms
from agents.shared.records import to_poison_record
from streams.destination.model import Destination
from streams.errors import ConfigError, EngineError, PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.convert import convert_record
from streams.events.formats import segment
from streams.events.formats.source_record import SkippedRecord, SourceRecord
from streams.events.sources import Source
from streams.events.wire_formats.schemas import SchemaLookup, no_schemas

LINE_FIELDS: Final = ("key", "value", "headers")
"""Fields of a line; each may have `_base64` behind its name."""

_BASE64: Final = "_base64"


def find_source(destination: Destination, name: str) -> Source:
    """Return a source of a destination file by the source's name.

    Raises:
        ConfigError: The file has no such source.
    """
    for source in destination.sources:
        if source.name == name:
            return source
    names = ", ".join(source.name for source in destination.sources) or "none"
    raise ConfigError([f"sources.{name}: not in the file, which has: {names}"])


def parse_source_line(
    line: bytes,
    source: Source,
    destination: Destination,
    *,
    schemas: SchemaLookup = no_schemas,
) -> list[TestRequest]:
    """Parse a line: a source record, as read by a worker.

    Args:
        line: A JSON object with `key`, `value` and `headers`, as text; or `key_base64`,
            `value_base64` and `headers_base64`. A value that is an object or a list is
            taken for JSON. Everything may be absent: null.
        source: The source that the record belongs to.
        destination: The mappings to apply.
        schemas: Returns the schemas of frames.

    Returns:
        A request for each event of the record; a fault, or the reason for no event, is
        a request of its own.

    Raises:
        PoisonRecord: `bad-line`: the line is not a record.
        EngineError: A schema registry does not answer.
    """
    record = _read_record(line, source)
    try:
        return _requests(record, source, destination, schemas=schemas)
    except ConfigError as error:  # the next lines would fail alike
        raise EngineError(str(error)) from None
    except Exception as fault:  # noqa: BLE001 - as in a worker
        poison = to_poison_record(fault)
        return [TestRequest(events=({},), destination=destination, fault=poison)]


def _requests(
    record: SourceRecord,
    source: Source,
    destination: Destination,
    *,
    schemas: SchemaLookup,
) -> list[TestRequest]:
    values: list[bytes] | list[bytes | None] | SkippedRecord = [record.value]
    if not source.is_segment_json:
        values = convert_record(record, source, schemas=schemas)
    if isinstance(values, SkippedRecord):
        return [TestRequest(events=({},), destination=destination, skipped=values)]
    events = [
        segment.decode(
            value,
            origin=record.origin.of_event(index),
            record_time_ms=record.time_ms,
            now_ms=record.time_ms,
        )
        for index, value in enumerate(values)
    ]
    return [
        TestRequest(events=(event.body,), destination=destination, event=event)
        for event in events
    ]


def _read_record(line: bytes, source: Source) -> SourceRecord:
    fields = parse_object(line)
    allowed = {*LINE_FIELDS, *(name + _BASE64 for name in LINE_FIELDS)}
    if unknown := fields.keys() - allowed:
        raise _bad_line(f"{min(unknown)}: not one of {', '.join(sorted(allowed))}")
    return SourceRecord(
        origin=Origin(topic=source.topics[0], partition=0, offset=0),
        time_ms=clock_ms(),
        key=_bytes_at(fields, "key"),
        value=_bytes_at(fields, "value"),
        headers=_headers(fields),
    )


def _headers(fields: dict[str, Any]) -> dict[str, bytes]:
    headers: dict[str, bytes] = {}
    for name, is_base64 in (("headers", False), (f"headers{_BASE64}", True)):
        texts = fields.get(name) or {}
        if not isinstance(texts, dict):
            raise _bad_line(f"{name}: must be an object: name of a header to text")
        for header, text in texts.items():
            value = _decoded(text, f"{name}.{header}") if is_base64 else _encoded(text)
            headers[header] = value or b""
    return headers


def _bytes_at(fields: dict[str, Any], name: str) -> bytes | None:
    text = fields.get(name + _BASE64)
    if text is None:
        return _encoded(fields.get(name))
    if fields.get(name) is not None:
        raise _bad_line(f"{name}: both {name} and {name}{_BASE64} are there")
    return _decoded(text, name + _BASE64)


def _encoded(value: object) -> bytes | None:
    """Return text as bytes, and any other JSON value as encoded JSON."""
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _decoded(text: object, at: str) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise _bad_line(f"{at}: not base64") from None


def _bad_line(text: str) -> PoisonRecord:
    return PoisonRecord("bad-line", text)
