"""Rows in Maxwell's format: a single row of MySQL's log in each record.

Shapes: maxwell commit b600e51, docs/docs/dataformat.md and RowMap.java. The values of a
deleted row, and the old ones of a changed row, are MySQL's own: a column that the log
does not have is absent.
"""

from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.formats.mysql_row import (
    Position,
    RowOfTable,
    check_times,
    object_at,
    row_change_bodies,
    table_emptied,
    text_at,
)
from streams.events.formats.row_source import offset_of
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.row import RowChange
from streams.events.sources import Source

CHANGES: Final = {
    "insert": RowChange.ADDED,
    "update": RowChange.UPDATED,
    "delete": RowChange.DELETED,
    "bootstrap-insert": RowChange.ADDED,
}
"""Types of a record with a row."""

BOOTSTRAP_INSERT: Final = "bootstrap-insert"
TABLE_DROP: Final = "table-drop"
_SCHEMA_PREFIXES: Final = ("table-", "database-")
_MARKS: Final = frozenset({"bootstrap-start", "bootstrap-complete", "heartbeat"})
_KEY_PREFIX: Final = "pk."
"""Prefix of the key's columns in the key of a record."""


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the events of a record: two for a row whose key has changed.

    Raises:
        PoisonRecord: The value is not Maxwell's, or its row has no key.
    """
    value = record.value
    if value is None:
        return SkippedRecord(code="tombstone", reason="a null value after a deletion")
    if not isinstance(value, dict):
        raise PoisonRecord("not-a-row", "the value is not an object of Maxwell")
    kind = text_at(value, "type")
    table = text_at(value, "table") if kind in CHANGES or kind == TABLE_DROP else ""
    if kind == TABLE_DROP:
        return table_emptied(source)
    if kind in _MARKS or kind.startswith(_SCHEMA_PREFIXES):
        return SkippedRecord(code="no-row", reason="a record of a type without a row")
    if kind not in CHANGES:
        raise PoisonRecord("bad-change", "type is none that Maxwell writes")
    data = object_at(value, "data")
    if not data:
        raise PoisonRecord("no-columns", "data has no columns")
    row = RowOfTable(
        change=CHANGES[kind],
        table=table,
        columns=data,
        old=object_at(value, "old"),
        key=_key_columns(record.key, value, data),
        time_ms=check_times(value.get("ts"), unit_ms=1000),
        position=_position(record, value),
        is_snapshot=kind == BOOTSTRAP_INSERT,
    )
    return row_change_bodies(record, source, row)


def _key_columns(key: object, value: dict[str, Any], data: dict[str, Any]) -> list[str]:
    """Return the names of the key's columns; none if the table has no key."""
    names = value.get("primary_key_columns")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    fields = key if isinstance(key, dict) else {}
    names = [n.removeprefix(_KEY_PREFIX) for n in fields if n.startswith(_KEY_PREFIX)]
    lower = {name.lower(): name for name in data}  # MySQL's names ignore case
    return [lower.get(name.lower(), name) for name in names]


def _position(record: DecodedRecord, value: dict[str, Any]) -> Position:
    """Return the position in MySQL's log; of a record without one, its own offset."""
    position = [value.get(name) for name in ("position", "xid", "xoffset")]
    if all(part is None for part in position):
        position = [offset_of(record)]
    return [*position, value.get("data"), value.get("old")]
