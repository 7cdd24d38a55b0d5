"""Inspection of a topic's records: what they look like, and a source to read them.

Nothing here returns a value of a record: names and types only. A name may be personal
too, as in an object keyed by addresses; such names are masked.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import orjson

from streams.errors import PoisonRecord
from streams.events.convert import convert_record, read_events
from streams.events.formats.source_record import (
    DecodedRecord,
    SkippedRecord,
    SourceRecord,
)
from streams.events.guess import Guess, guess_format, guess_record
from streams.events.sources import RowTool, Source, SourceFormat
from streams.events.text import MAX_EVENT_BYTES, read_json

JSON: Final = "json"
FRAMED: Final = "schema registry"
GLUE: Final = "AWS Glue"
UNKNOWN: Final = "unknown"

MASK: Final = "(masked)"
PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_ $.:/-]{0,63}").fullmatch
"""Names that are printed; another one may hold an address, a number or a token."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{2,}={1,2}").fullmatch
_EMAIL_NAMES: Final = ("email", "mail", "e_mail", "email_address", "emailaddress")
_USER_NAMES: Final = ("user_id", "userid", "customer_id", "external_id", "uid")
_GUID_HEADER: Final = "__value_schema_id"
_MIN_FRAME_BYTES: Final = 5
_GLUE_STARTS: Final = (b"\x03\x00", b"\x03\x05")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Column of rows, or member of other objects.

    Attributes:
        name: Its name, or the mask.
        types: Types of its values, sorted; `null` is one.
        records: Number of records that have it.
    """

    name: str
    types: tuple[str, ...]
    records: int


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
    columns: tuple[Column, ...]
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
    decoded = [record for raw in records if (record := _decode(raw)) is not None]
    wire_format = guess_wire_format(records)
    guess = guess_format(decoded)
    rows = [row for record in decoded for row in _rows_of(record.value, guess)]
    key = _key_names(decoded)
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
        tables=_tables_of(decoded),
        key=key,
        columns=tuple(_columns_of(rows)),
        warnings=tuple(
            _warnings(records, decoded, guess, wire_format, rows=rows, results=results)
        ),
        results=results,
        source=options,
    )


def guess_wire_format(records: Iterable[SourceRecord]) -> str:
    """Return the encoding that most values have."""
    found = Counter(_wire_format_of(r.value, r.headers) for r in records if r.value)
    return max(found, key=found.__getitem__, default=UNKNOWN)


def _wire_format_of(value: bytes | None, headers: Mapping[str, bytes]) -> str:
    if not value:
        return UNKNOWN
    if _GUID_HEADER in headers or (
        value.startswith(b"\x00") and len(value) > _MIN_FRAME_BYTES
    ):
        return FRAMED
    if value.startswith(_GLUE_STARTS):
        return GLUE
    try:
        read_json(value)
    except PoisonRecord:
        return UNKNOWN
    return JSON


def _decode(record: SourceRecord) -> DecodedRecord | None:
    """Decode JSON; None for a value that is not JSON."""
    try:
        value = read_json(record.value) if record.value else None
    except PoisonRecord:
        return None
    try:
        key = read_json(record.key) if record.key else None
    except PoisonRecord:
        key = ""
    return DecodedRecord(source=record, key=key, value=value)


def _rows_of(value: object, guess: Guess) -> Iterator[dict[str, Any]]:
    """Yield the rows of a value, or the value itself if it holds none."""
    if not isinstance(value, dict):
        return
    rows: object = value
    if guess.format is SourceFormat.CLOUDEVENTS:
        rows = value.get("data", value)
    elif guess.tool in (RowTool.MAXWELL, RowTool.CANAL):
        rows = value.get("data")
    for row in rows if isinstance(rows, list) else (rows,):
        if isinstance(row, dict):
            yield row


def _tables_of(records: Iterable[DecodedRecord]) -> tuple[str, ...]:
    names = {
        record.value["table"]
        for record in records
        if isinstance(record.value, dict) and "database" in record.value
        if isinstance(record.value.get("table"), str)
    }
    return tuple(sorted(mask_name(name) for name in names))


def _key_names(records: Iterable[DecodedRecord]) -> tuple[str, ...]:
    keys = [record.key for record in records if record.key is not None]
    fields = {name for key in keys if isinstance(key, dict) for name in key}
    if fields:
        return tuple(sorted(mask_name(name) for name in fields))
    return ("(whole key)",) if keys else ()


def mask_name(name: str) -> str:
    """Return a name as it may be printed."""
    return name if PLAIN_NAME(name) else MASK


def _columns_of(rows: Sequence[dict[str, Any]]) -> Iterator[Column]:
    types: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for row in rows:
        by_name = {mask_name(name): type_name(value) for name, value in row.items()}
        counts.update(list(by_name))
        for name, text in by_name.items():
            types.setdefault(name, set()).add(text)
    for name, found in types.items():
        yield Column(name=name, types=tuple(sorted(found)), records=counts[name])


def type_name(value: object) -> str:
    """Return the name of a value's type; addresses have one of their own."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "e-mail address" if _EMAIL(value) else "text"
        case dict():
            return "object"
        case _:
            return "list"


def _source_options(
    topic: str,
    guess: Guess,
    wire_format: str,
    *,
    rows: Sequence[dict[str, Any]],
    key: tuple[str, ...],
) -> dict[str, Any]:
    """Return the options of a source, which `check` accepts."""
    options: dict[str, Any] = {"topic": topic}
    if wire_format == JSON and guess.format is None:
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
    """Return the number of records by result, if a source with the options reads them.

    A mapping of the user's own, which the options cannot know, is not tried.
    """
    if "event" in options:
        return {}
    key = options.get("key")
    source = Source(
        name="sample",
        topics=(topic,),
        format=SourceFormat(options.get("format", SourceFormat.SEGMENT)),
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
        yield "the values need a schema registry: name wire_format and its address"
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
    if guess.format is not SourceFormat.ROWS or not rows:
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


def source_block(name: str, inspection: Inspection) -> str:
    """Return the part of a destination file that reads the topic.

    Args:
        name: Name of the source.
        inspection: The inspection of the topic.
    """
    lines = ["sources:", f"  {_scalar(name)}:"]
    lines += [f"    {key}: {_flow(v)}" for key, v in inspection.source.items()]
    return "\n".join(lines)


def source_name(topic: str) -> str:
    """Return a name for a source: the last part of the topic's name."""
    return re.sub(r"[^A-Za-z0-9_]+", "-", topic.rpartition(".")[2]).strip("-") or "s"


def _flow(value: Any) -> str:  # noqa: ANN401 - any JSON
    return _scalar(value) if isinstance(value, str) else orjson.dumps(value).decode()


def _scalar(text: str) -> str:
    """Return text as YAML; quoted if YAML could read it as anything else."""
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", text) is not None
    ambiguous = text.lower() in (
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "null",
        "y",
        "n",
    )
    return text if is_plain and not ambiguous else orjson.dumps(text).decode()
