"""Inspection of a topic's records: the likely format, and a source for the records.

Nothing here returns a value of a record: names and types only. A name may be personal
too, as in an object keyed by addresses; such names are masked.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from streams.errors import PoisonRecord
from streams.events.convert import convert_record, read_events
from streams.events.formats.source_record import (
    DecodedRecord,
    SkippedRecord,
    SourceRecord,
)
from streams.events.guess import Guess, guess_format, guess_record
from streams.events.inspection.columns import (
    PLAIN_NAME,
    SampledColumn,
    columns_of,
    key_names,
    mask_name,
    rows_of,
    tables_of,
)
from streams.events.inspection.wire_format import (
    FRAMED,
    GLUE,
    JSON,
    JSON_SCHEMA,
    UNKNOWN,
    decode_json,
    guess_wire_format,
)
from streams.events.sources import RowTool, Source, SourceFormat, WireFormat
from streams.events.text import MAX_EVENT_BYTES

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{2,}={1,2}").fullmatch
_EMAIL_NAMES: Final = ("email", "mail", "e_mail", "email_address", "emailaddress")
_USER_NAMES: Final = ("user_id", "userid", "customer_id", "external_id", "uid")
_ROW_FORMATS: Final = (SourceFormat.ROWS, SourceFormat.DEBEZIUM)


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """Description of a topic from a sample of its records.

    Attributes:
        topic: The topic.
        records: Number of records that were sampled.
        null_values: Number of them without a value.
        wire_format: Encoding of the values.
        format: Meaning of the values; empty if it is not known.
        tool: Tool that writes the rows, for the format `rows`.
        why: What shows the format.
        tables: Names of the tables, sorted.
        key: Names of the fields of the records' keys; `(whole key)` for plain ones.
        columns: Columns of rows, or members of other objects.
        warnings: Things to look at before the source is used.
        results: Number of records by result, if the source below reads them: `event`,
            or the code of a dead letter or of a reason for no event.
        source: Options of a source that reads the topic.
    """

    topic: str
    records: int
    null_values: int
    wire_format: str
    format: str
    tool: str
    why: str
    tables: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[SampledColumn, ...]
    warnings: tuple[str, ...]
    results: dict[str, int]
    source: dict[str, Any]


def inspect_records(
    topic: str, records: Sequence[SourceRecord], *, now_ms: int
) -> Inspection:
    """Inspect records of a topic.

    Args:
        topic: The topic.
        records: A sample of its records.
        now_ms: The clock, milliseconds since the epoch.
    """
    decoded = [record for raw in records if (record := decode_json(raw)) is not None]
    wire_format = guess_wire_format(records)
    guess = guess_format(decoded)
    rows = [row for record in decoded for row in rows_of(record.value, guess)]
    key = key_names(decoded)
    options = _source_options(topic, guess, wire_format, rows=rows, key=key)
    results = _try_source(topic, options, records, now_ms=now_ms)
    return Inspection(
        topic=topic,
        records=len(records),
        null_values=sum(not record.value for record in records),
        wire_format=wire_format,
        format=guess.format or "",
        tool=guess.tool if guess.format is SourceFormat.ROWS else "",
        why=guess.why,
        tables=tables_of(decoded),
        key=key,
        columns=tuple(columns_of(rows)),
        warnings=tuple(
            _warnings(records, decoded, guess, wire_format, rows=rows, results=results)
        ),
        results=results,
        source=options,
    )


def _source_options(
    topic: str,
    guess: Guess,
    wire_format: str,
    *,
    rows: Sequence[dict[str, Any]],
    key: tuple[str, ...],
) -> dict[str, Any]:
    """Return the options of a source that passes `check`."""
    options: dict[str, Any] = {"topic": topic}
    if wire_format == JSON_SCHEMA:
        options["wire_format"] = JSON_SCHEMA
    if wire_format == FRAMED:
        registry = {"url": "http://REGISTRY"}
        return {**options, "wire_format": WireFormat.AVRO.value, "registry": registry}
    if wire_format in (JSON, JSON_SCHEMA) and guess.format is None:
        options["format"] = SourceFormat.CUSTOM.value
        options["event"] = {
            "type": "track",
            "event": "NAME",
            "userId": {"@path": "$.USER_ID"},
            "properties": {"@path": "$"},
        }
    if guess.format is not None:
        options["format"] = guess.format.value
    if guess.format is SourceFormat.ROWS:
        options["tool"] = guess.tool.value
    if guess.format in _ROW_FORMATS:
        options |= _row_options(rows, has_key=bool(key))
    return options


def _row_options(rows: Sequence[dict[str, Any]], *, has_key: bool) -> dict[str, Any]:
    names = {name.lower(): name for row in rows for name in row if PLAIN_NAME(name)}
    email = next((names[name] for name in _EMAIL_NAMES if name in names), "")
    user_id = next((names[name] for name in _USER_NAMES if name in names), "")
    options = {"user_id": user_id, "email": email}
    if not has_key:
        options = {"key": names.get("id") or user_id or email or "COLUMN", **options}
    return {name: column for name, column in options.items() if column}


def _try_source(
    topic: str,
    options: Mapping[str, Any],
    records: Iterable[SourceRecord],
    *,
    now_ms: int,
) -> dict[str, int]:
    """Return the number of records by result, read by a source with the options.

    A mapping of the user's own and a registry, which the options cannot know, are not
    tried.
    """
    if "event" in options or "registry" in options:
        return {}
    key = options.get("key")
    source = Source(
        name="sample",
        topics=(topic,),
        format=SourceFormat(options.get("format", SourceFormat.SEGMENT)),
        wire_format=WireFormat(options.get("wire_format", WireFormat.JSON)),
        tool=RowTool(options.get("tool", RowTool.CONNECT_JDBC)),
        key=(key,) if key else (),
        user_id=options.get("user_id", ""),
        email=options.get("email", ""),
    )
    results = Counter(_result_of(record, source, now_ms=now_ms) for record in records)
    return dict(results.most_common())


def _result_of(record: SourceRecord, source: Source, *, now_ms: int) -> str:
    try:
        if not source.is_segment_json:
            converted = convert_record(record, source)
            if isinstance(converted, SkippedRecord):
                return converted.code
        read_events(
            record,
            None if source.is_segment_json else source,
            now_ms=now_ms,
            max_bytes=MAX_EVENT_BYTES,
        )
    except PoisonRecord as fault:
        return fault.code
    return "event"


def _warnings(  # noqa: PLR0913 - the parts of an inspection
    records: Sequence[SourceRecord],
    decoded: Sequence[DecodedRecord],
    guess: Guess,
    wire_format: str,
    *,
    rows: Sequence[dict[str, Any]],
    results: Mapping[str, int],
) -> Iterator[str]:
    if not records:
        yield "the topic has no records"
        return
    if wire_format == FRAMED:
        yield "the values need a registry: name its address, and avro or protobuf"
    if wire_format == GLUE:
        yield "AWS Glue's registry is not supported: write another wire format"
    if wire_format == UNKNOWN:
        yield "the values are not JSON, and have no mark of a registry"
    if not any(record.key for record in records):
        yield (
            "no record has a key: records of one person may lie in several partitions "
            "and be read out of order"
        )
    guesses = [guess_record(r) for r in decoded if r.value is not None]
    if other := sum(each[:2] != guess[:2] for each in guesses):
        yield f"{other} records look otherwise: a topic should have one format"
    yield from _row_warnings(guess, rows)
    for code, count in results.items():
        if code != "event":
            yield f"{count} records would make no event: {code}"


def _row_warnings(guess: Guess, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    if guess.format not in _ROW_FORMATS or not rows:
        return
    options = _row_options(rows, has_key=True)
    if not options:
        yield "no column names a person: set user_id or email, or map by the model"
    for name in {name: None for row in rows for name in row}:
        values = [row[name] for row in rows if isinstance(row.get(name), str)]
        if values and all(map(_BASE64, values)):
            yield (
                f"column {mask_name(name)} looks like base64: a decimal or bytes; "
                "change the connector's setting, or name its type in types"
            )
