"""Records of Debezium, recorded or made by hand, and what a source makes of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from streams.destination.loader import compile_destination
from streams.errors import PoisonRecord
from streams.events.canonical_event import Origin
from streams.events.columns.reading import Warn, ignore_warning
from streams.events.convert import convert_record
from streams.events.formats.source_record import SkippedRecord, SourceRecord
from streams.events.sources import Source
from tests.structure.source import ROOT

MESSAGES = Path(ROOT, "tests/cases/debezium/messages.jsonl")

SOURCE_BLOCK: dict[str, Any] = {"topic": "db.public.people", "format": "debezium"}

KEY = {"id": 1}
ROW = {"id": 1, "email": "ada@example.com", "vip": None}

SOURCE_FIELDS = {"lsn": 7, "txId": 3, "ts_ms": 1_795_784_325_490, "table": "people"}


def recorded_messages() -> list[dict[str, Any]]:
    """Return the recorded messages, with the expected result of each."""
    return [orjson.loads(line) for line in MESSAGES.read_bytes().splitlines()]


def debezium_source(**options: Any) -> Source:  # noqa: ANN401 - any JSON
    """Compile a source of the destination file."""
    sources = {"people": {**SOURCE_BLOCK, **options}}
    return compile_destination({"sources": sources}).sources[0]


def source_record(
    value: Any,  # noqa: ANN401 - any JSON
    *,
    key: Any = None,  # noqa: ANN401 - any JSON
    headers: Mapping[str, bytes] | None = None,
    topic: str = "db.public.people",
    offset: int = 0,
) -> SourceRecord:
    """Build a record; bytes stay as they are, and None stays a null value."""
    return SourceRecord(
        origin=Origin(topic=topic, partition=0, offset=offset),
        time_ms=1_795_784_325_999,
        key=_raw(key),
        value=_raw(value),
        headers=headers or {},
    )


def envelope(op: Any, row: Any = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Build an envelope; `row` is what is there after the change."""
    return {"before": None, "after": row, "source": SOURCE_FIELDS, "op": op, **fields}


def event_of(value: Any, **options: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the event of a value, or the code of what it is instead.

    Args:
        value: Value of the record.
        options: `headers`, `topic` and `record_key` of the record; all others are of
            the source.
    """
    parts = {
        name: options.pop(name) for name in ("headers", "topic") if name in options
    }
    key = options.pop("record_key", KEY)
    return converted(source_record(value, key=key, **parts), debezium_source(**options))


def converted(
    record: SourceRecord, source: Source, *, warn: Warn = ignore_warning
) -> dict[str, Any] | str:
    """Return the event of a record, or the code of what it is instead."""
    try:
        values = convert_record(record, source, warn=warn)
    except PoisonRecord as fault:
        return f"dead-letter: {fault.code}"
    if isinstance(values, SkippedRecord):
        return f"skipped: {values.code}"
    [value] = values
    event: dict[str, Any] = orjson.loads(value)
    return event


def _raw(value: Any) -> bytes | None:  # noqa: ANN401 - any JSON
    return value if value is None or isinstance(value, bytes) else orjson.dumps(value)
