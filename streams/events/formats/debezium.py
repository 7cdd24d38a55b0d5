"""Source format `debezium`: changes of tables, as written by Debezium's connectors.

Both forms are read: the envelope with `before`, `after`, `source` and `op`, and the
flat row that the transformation `ExtractNewRecordState` makes of it; each with and
without embedded schemas. Debezium 3.6, measured on PostgreSQL 15.

Nothing of `before` is used but the key of a table without a primary key: under
PostgreSQL's default replica identity the other columns are null or invented.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import (
    ConnectValue,
    Schema,
    fields_of,
    read_connect_value,
)
from streams.events.columns.reading import read_columns
from streams.events.formats.debezium_metadata import (
    Metadata,
    envelope_metadata,
    flat_metadata,
    is_metadata_column,
    new_key,
    old_key,
)
from streams.events.formats.row_source import Columns, row_bodies, with_typed_key
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.row import RowChange
from streams.events.sources import Source, TombstonePolicy, TruncatePolicy

_HEARTBEAT_TOPIC: Final = "__debezium-heartbeat"
"""Debezium's default for `topic.heartbeat.prefix`."""

_CHANGES: Final = {
    "c": RowChange.ADDED,
    "r": RowChange.ADDED,
    "u": RowChange.UPDATED,
    "d": RowChange.DELETED,
}
"""Debezium's `op` of a row: created, read by a snapshot, updated, deleted."""

_MESSAGE: Final = SkippedRecord(code="logical-message", reason="a message is not a row")
_HEARTBEAT: Final = SkippedRecord(code="heartbeat", reason="a heartbeat is not a row")
_TRANSACTION: Final = SkippedRecord(
    code="transaction", reason="the begin or end of a transaction is not a row"
)
_SCHEMA_CHANGE: Final = SkippedRecord(
    code="schema-change", reason="a change of a table's definition is not a row"
)
_TRANSACTION_FIELDS: Final = {"status", "id", "event_count", "data_collections"}
_SCHEMA_CHANGE_FIELDS: Final = {"databaseName", "ddl", "tableChanges"}
_TOMBSTONE: Final = SkippedRecord(
    code="tombstone",
    reason="a null value follows a deletion; if the topic has no other record of "
    "deletions, set the source's on_tombstone: delete",
)
_TRUNCATE: Final = SkippedRecord(
    code="truncate", reason="the table was emptied, and the source skips that"
)
_KEY_CHANGE: Final = SkippedRecord(
    code="key-change", reason="the row lives on under the key that the header names"
)


class _RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """Record of a row's change, with the embedded schemas separated.

    Attributes:
        record: The record, with the decoded columns of its key.
        source: Its source.
        row_schemas: Column to schema of the row; empty without embedded schemas.
    """

    record: DecodedRecord
    source: Source
    row_schemas: Mapping[str, Schema]

    def read(self, row: Columns) -> dict[str, Any]:
        """Return the columns of a row, decoded."""
        return read_columns(
            row,
            self.row_schemas,
            self.source.types,
            source=self.source.name,
            warn=self.record.warn,
        )


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the row event of a record.

    Raises:
        PoisonRecord: The record is not Debezium's, its row has no key, or a value is
            not of its column's type.
    """
    value = read_connect_value(record.value)
    payload = value.payload
    record = with_typed_key(record, source)
    if (skipped := _skipped_topic(record, payload)) is not None:
        return skipped
    if payload is None:
        return _read_tombstone(record, source)
    if not isinstance(payload, dict):
        raise PoisonRecord("not-a-row", "the value is not an object")
    if "op" in payload and (
        "after" in payload or isinstance(payload.get("source"), dict)
    ):
        return _read_envelope(record, source, value)
    change = _RowChange(
        record=record, source=source, row_schemas=fields_of(value.schema)
    )
    return _read_flat_row(change, payload)


def _skipped_topic(record: DecodedRecord, payload: object) -> SkippedRecord | None:
    """Return the reason to skip a record of Debezium's own topics; None for a row."""
    topic, key = record.source.origin.topic, record.key
    if topic.startswith(_HEARTBEAT_TOPIC):
        return _HEARTBEAT
    if not isinstance(payload, dict):
        return None
    has_server = isinstance(key, dict) and key.keys() == {"serverName"}
    if has_server and payload.keys() == {"ts_ms"}:
        return _HEARTBEAT
    if "event_count" in payload and payload.keys() >= _TRANSACTION_FIELDS:
        return _TRANSACTION
    if "ddl" in payload and payload.keys() >= _SCHEMA_CHANGE_FIELDS:
        return _SCHEMA_CHANGE
    return None


def _read_tombstone(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    if source.on_tombstone is TombstonePolicy.SKIP:
        return _TOMBSTONE
    change = _RowChange(record=record, source=source, row_schemas={})
    return _deleted(change, {}, flat_metadata({}, record.source))


def _read_envelope(
    record: DecodedRecord, source: Source, value: ConnectValue
) -> Bodies | SkippedRecord:
    envelope, schemas = value.payload, fields_of(value.schema)
    op = envelope["op"]
    if op == "m":
        return _MESSAGE
    if op == "t":
        return _read_truncate(source)
    metadata = envelope_metadata(envelope, record.source)
    change = _RowChange(
        record=record,
        source=source,
        row_schemas=fields_of(schemas.get("after") or schemas.get("before")),
    )
    if _change_of(op) is RowChange.DELETED:
        return _deleted(change, envelope.get("before"), metadata)
    return _written(change, envelope.get("after"), metadata)


def _read_flat_row(change: _RowChange, row: Columns) -> Bodies | SkippedRecord:
    metadata = flat_metadata(row, change.record.source)
    columns = {
        name: value for name, value in row.items() if not is_metadata_column(name)
    }
    if _change_of(metadata.op) is RowChange.DELETED:
        return _deleted(change, columns, metadata)
    return _written(change, columns, metadata)


def _change_of(op: object) -> RowChange:
    if isinstance(op, str) and op in _CHANGES:
        return _CHANGES[op]
    raise PoisonRecord("unknown-op", "op is not one of c, r, u, d, t and m")


def _read_truncate(source: Source) -> SkippedRecord:
    if source.on_truncate is TruncatePolicy.DEAD_LETTER:
        raise PoisonRecord(
            "truncated",
            "the table was emptied: decide what becomes of its people, then "
            f"resolve this dead letter, or set sources.{source.name}.on_truncate",
        )
    return _TRUNCATE


def _written(
    change: _RowChange, row: object, metadata: Metadata
) -> Bodies | SkippedRecord:
    """Return the event of a row that is there now."""
    if not isinstance(row, dict):
        raise PoisonRecord("not-a-row", "after is not an object of columns")
    row_change = _change_of(metadata.op)
    if _lives_on(change, old_key(change.record.source)):
        row_change = RowChange.UPDATED
    return row_bodies(
        change.record,
        change.source,
        row_change,
        change.read(row),
        position=metadata.position,
        table=metadata.table,
        time_ms=metadata.time_ms,
        is_snapshot=metadata.is_snapshot,
    )


def _deleted(
    change: _RowChange, row: object, metadata: Metadata
) -> Bodies | SkippedRecord:
    """Return the event of a deleted row, with the columns of the key alone."""
    if _lives_on(change, new_key(change.record.source)):
        return _KEY_CHANGE
    key = change.record.key
    columns = key if isinstance(key, dict) else {}
    if key is None and isinstance(row, dict):
        named = {name: row[name] for name in change.source.key if name in row}
        columns = change.read(named)
    return row_bodies(
        change.record,
        change.source,
        RowChange.DELETED,
        columns,
        position=metadata.position,
        table=metadata.table,
        time_ms=metadata.time_ms,
    )


def _lives_on(change: _RowChange, other_key: Columns | None) -> bool:
    """Return True if a row stands for the same person after a change of the key.

    Debezium writes a deletion under the old key and a creation under the new one, in
    partitions of their own. The person goes with the key only if the key is what names
    the person: then the old one is gone and another one is there.

    Args:
        change: The deletion, or the creation.
        other_key: Key that the header names; None if the key did not change.
    """
    if other_key is None:
        return False
    column = change.source.user_id or change.source.email
    key = change.record.key if isinstance(change.record.key, dict) else {}
    if not column:
        return False
    if column not in key:
        return True
    return bool(key[column] == change.read(other_key).get(column))
