"""Rows of a source as row events, whatever tool read them from the database."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import (
    Schema,
    fields_of,
    read_connect_value,
)
from streams.events.columns.reading import read_columns
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.row import RowChange, row_event, row_key_text, row_message_id
from streams.events.sources import SnapshotPolicy, Source

Columns = Mapping[str, Any]


def typed_columns(
    record: DecodedRecord,
    source: Source,
    columns: Columns,
    *,
    schema: Schema | None = None,
) -> dict[str, Any]:
    """Return the columns of a row, decoded by a schema or by the source's types.

    Raises:
        PoisonRecord: `bad-column` or `bad-schema`.
    """
    return read_columns(
        columns, fields_of(schema), source.types, source=source.name, warn=record.warn
    )


def with_typed_key(record: DecodedRecord, source: Source) -> DecodedRecord:
    """Return the record with the payload of the key, decoded by schema and types.

    Raises:
        PoisonRecord: `bad-column` or `bad-schema`.
    """
    if record.key is None:
        return record
    key = read_connect_value(record.key)
    columns = key.payload
    if isinstance(columns, dict):
        columns = typed_columns(record, source, columns, schema=key.schema)
    return msgspec.structs.replace(record, key=columns)


def offset_of(record: DecodedRecord) -> str:
    """Return the position of a change that only its record names.

    The content of the row does not name it: a row that goes from A to B, back to A and
    to B again has two changes with the same content. A record that is delivered again,
    or replayed, has the same offset.
    """
    return str(record.source.origin)


def row_bodies(  # noqa: PLR0913 - a row's parts, each with a name
    record: DecodedRecord,
    source: Source,
    change: RowChange,
    columns: Columns,
    *,
    position: object,
    table: str = "",
    time_ms: int | None = None,
    is_snapshot: bool = False,
    key_columns: Columns | None = None,
    changed: Iterable[str] | None = None,
) -> Bodies | SkippedRecord:
    """Build the event of a row.

    Args:
        record: The record that the row is in.
        source: Source of the record.
        change: Change of the row.
        columns: Values of the columns that are known, JSON's.
        position: JSON that tells this change of the row from any other one: a position
            in the database's log, else `offset_of` the record.
        table: Name of the table; the model if the source names none.
        time_ms: Time of the change; by default the record's Kafka timestamp.
        is_snapshot: Whether a snapshot of the table brought the row.
        key_columns: Columns of the key; by default the fields of the record's key.
        changed: Names of the columns that the change changed; None if nobody knows.

    Raises:
        PoisonRecord: The row has no usable key.
    """
    if is_snapshot and source.on_snapshot is SnapshotPolicy.SKIP:
        return SkippedRecord(code="snapshot", reason="the source skips snapshots")
    key = _key_text(record, source, columns, key_columns=key_columns)
    known = columns
    if record.key is not None or key_columns:
        known = {**_fields_of(record.key), **(key_columns or {}), **columns}
    model = source.model or table or source.name
    body = row_event(
        change,
        source=source.name,
        model=model,
        key=key,
        columns=columns,
        time_ms=record.source.time_ms if time_ms is None else time_ms,
        message_id=row_message_id([source.name, model, key, change, position]),
        user_id=_text_at(known, source.user_id),
        email=_text_at(known, source.email),
        audience=source.audience,
        is_snapshot=is_snapshot and source.on_snapshot is SnapshotPolicy.BACKFILL,
        changed=changed,
    )
    return [body]


def _key_text(
    record: DecodedRecord,
    source: Source,
    columns: Columns,
    *,
    key_columns: Columns | None,
) -> str:
    if source.key:
        known = columns
        if record.key is not None or key_columns:
            known = {**columns, **(key_columns or {}), **_fields_of(record.key)}
        return row_key_text([known.get(name) for name in source.key])
    if key_columns is None and not isinstance(record.key, dict):
        if record.key is None:
            fix = f"name the key's columns: sources.{source.name}.key"
            raise PoisonRecord("no-row-key", f"the record has no key; {fix}")
        return row_key_text([record.key])
    return row_key_text([*(key_columns or record.key).values()])


def _fields_of(key: object) -> Columns:
    return key if isinstance(key, dict) else {}


def _text_at(columns: Columns, name: str) -> str:
    """Return the text of a column of text or integers; empty for any other value."""
    value = columns.get(name) if name else None
    if isinstance(value, float) and value.is_integer():
        return row_key_text([value])
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)
