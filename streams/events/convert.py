"""Conversion of source records to canonical events, by the format of the source."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import orjson

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent
from streams.events.columns.reading import Warn, ignore_warning
from streams.events.formats import (
    cloudevents,
    custom,
    debezium,
    rows,
    rudderstack,
    segment,
)
from streams.events.formats.source_record import (
    Bodies,
    DecodedRecord,
    SkippedRecord,
    SourceRecord,
)
from streams.events.guess import guess_record
from streams.events.sources import Source, SourceFormat, WireFormat
from streams.events.text import MAX_EVENT_BYTES
from streams.events.wire_formats.decode import decode_record
from streams.events.wire_formats.schemas import SchemaLookup, no_schemas

Format = Callable[[DecodedRecord, Source], Bodies | SkippedRecord]
"""Turns a decoded record into the bodies of events, or says why it makes none."""

FORMATS: Final[Mapping[SourceFormat, Format]] = {
    SourceFormat.SEGMENT: segment.bodies_of,
    SourceFormat.RUDDERSTACK: rudderstack.bodies_of,
    SourceFormat.CLOUDEVENTS: cloudevents.bodies_of,
    SourceFormat.CUSTOM: custom.bodies_of,
    SourceFormat.ROWS: rows.bodies_of,
    SourceFormat.DEBEZIUM: debezium.bodies_of,
}


def convert_record(
    record: SourceRecord,
    source: Source,
    *,
    max_bytes: int = MAX_EVENT_BYTES,
    warn: Warn = ignore_warning,
    schemas: SchemaLookup = no_schemas,
) -> list[bytes] | SkippedRecord:
    """Convert a source record to canonical events.

    Args:
        record: The record as it is on the source topic.
        source: Its source.
        max_bytes: A longer key or value is refused unread.
        warn: Takes warnings about columns and guesses, the same text each time.
        schemas: Returns the schemas of frames.

    Returns:
        Values for the events topic, which `formats/segment.py:decode` checks; or the
        reason why the record makes no event.

    Raises:
        PoisonRecord: The record cannot be read; `code` names the fault.
    """
    bodies = _bodies_of(record, source, max_bytes=max_bytes, warn=warn, schemas=schemas)
    if isinstance(bodies, SkippedRecord):
        return bodies
    return [_encode(body) for body in bodies]


def _bodies_of(
    record: SourceRecord,
    source: Source,
    *,
    max_bytes: int,
    warn: Warn,
    schemas: SchemaLookup,
) -> Bodies | SkippedRecord:
    decoded = decode_record(
        record, source, max_bytes=max_bytes, schemas=schemas, warn=warn
    )
    if source.format is SourceFormat.AUTO:
        return _bodies_by_guess(decoded, source)
    return FORMATS[source.format](decoded, source)


def _bodies_by_guess(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the events of a record in the format that the content suggests.

    Raises:
        PoisonRecord: The record shows no format, or cannot be read in it.
    """
    guess = guess_record(record)
    if record.value is None and guess.format is None:
        fix = f"for deletions name the format: sources.{source.name}.format"
        return SkippedRecord(code="tombstone", reason=f"{guess.why}; {fix}")
    if guess.format is None:
        fix = f"name the format: sources.{source.name}.format"
        raise PoisonRecord("unknown-format", f"{guess.why}; {fix}")
    topic = record.source.origin.topic
    record.warn(f"topic {topic}: the format is guessed to be {guess}")
    guessed = replace(source, format=guess.format, tool=guess.tool)
    try:
        return FORMATS[guess.format](record, guessed)
    except PoisonRecord as fault:
        reason = f"{fault.reason} (the format is guessed: {guess})"
        raise PoisonRecord(fault.code, reason) from None


_OF_ROWS: Final = (SourceFormat.ROWS, SourceFormat.DEBEZIUM)


class ConvertedEvent(NamedTuple):
    """Event of a source record.

    Attributes:
        value: Value for the events topic.
        event: The event, checked.
    """

    value: bytes
    event: CanonicalEvent


def convert_to_events(  # noqa: PLR0913 - a record's parts, and who helps
    record: SourceRecord,
    source: Source,
    *,
    now_ms: int,
    max_bytes: int = MAX_EVENT_BYTES,
    warn: Warn = ignore_warning,
    schemas: SchemaLookup = no_schemas,
) -> list[ConvertedEvent] | SkippedRecord:
    """Convert a source record to canonical events, and check each.

    Args:
        record: The record as it is on the source topic.
        source: Its source.
        now_ms: The clock, milliseconds since the epoch.
        max_bytes: A longer key or value is refused unread, and a longer event too.
        warn: Takes warnings about columns and guesses, the same text each time.
        schemas: Returns the schemas of frames.

    Raises:
        PoisonRecord: The record cannot be read; `code` names the fault.
    """
    bodies = _bodies_of(record, source, max_bytes=max_bytes, warn=warn, schemas=schemas)
    if isinstance(bodies, SkippedRecord):
        return bodies
    # Reading changes a body, and bodies may share parts: all are encoded before.
    values = [_encode(body) for body in bodies]
    if source.wire_format is WireFormat.AVRO and source.format not in _OF_ROWS:
        # NaN, which Avro's numbers may be, is null in JSON. Ids of rows are text.
        bodies = [orjson.loads(value) for value in values]
    converted = []
    for index, (value, body) in enumerate(zip(values, bodies, strict=True)):
        event = segment.decode(
            value,
            origin=record.origin.of_event(index) if index else record.origin,
            record_time_ms=record.time_ms,
            now_ms=now_ms,
            max_event_bytes=max_bytes,
            body=body,
        )
        converted.append(ConvertedEvent(value, event))
    return converted


def read_events(
    record: SourceRecord,
    source: Source | None,
    *,
    now_ms: int,
    max_bytes: int,
    schemas: SchemaLookup = no_schemas,
) -> list[CanonicalEvent]:
    """Return the events of a source record; none for a record that makes none.

    Args:
        record: The record as it is on the source topic.
        source: Its source; None if the value is a canonical event.
        now_ms: The clock, milliseconds since the epoch.
        max_bytes: A longer key or value is refused unread.
        schemas: Returns the schemas of frames.

    Raises:
        PoisonRecord: The record cannot be read; `code` names the fault.
    """
    if source is None:
        event = segment.decode(
            record.value,
            origin=record.origin,
            record_time_ms=record.time_ms,
            now_ms=now_ms,
            max_event_bytes=max_bytes,
        )
        return [event]
    converted = convert_to_events(
        record, source, now_ms=now_ms, max_bytes=max_bytes, schemas=schemas
    )
    if isinstance(converted, SkippedRecord):
        return []
    return [event for _, event in converted]


def _encode(body: object) -> bytes:
    try:
        return orjson.dumps(body)
    except (TypeError, ValueError) as err:
        raise PoisonRecord("not-json", f"the event cannot be JSON: {err}") from None
