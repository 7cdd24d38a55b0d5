"""Rows in Canal's format: a FlatMessage, with all rows of a change of MySQL's log.

Shape: canal commit e20e442, protocol/FlatMessage.java. All values are text, whose
columns' types stand in `mysqlType`.
"""

from collections.abc import Mapping
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.formats.mysql_row import (
    RowOfTable,
    check_times,
    object_at,
    row_change_bodies,
    table_emptied,
    text_at,
)
from streams.events.formats.row_source import offset_of
from streams.events.formats.source_record import (
    Bodies,
    DecodedRecord,
    SkippedRecord,
    join_bodies,
)
from streams.events.row import RowChange
from streams.events.sources import Source

CHANGES: Final = {
    "INSERT": RowChange.ADDED,
    "UPDATE": RowChange.UPDATED,
    "DELETE": RowChange.DELETED,
}
"""Types of a message with rows."""

EMPTIED: Final = frozenset({"TRUNCATE", "ERASE"})
"""Types of a message after which the table has no row; ERASE drops it."""

_INTEGERS: Final = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
_FLOATS: Final = ("float", "double")


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the events of a message, in the order of the message's rows.

    Raises:
        PoisonRecord: The value is not Canal's, or one of its rows has no key.
    """
    value = record.value
    if value is None:
        return SkippedRecord(code="tombstone", reason="a null value")
    if not isinstance(value, dict):
        raise PoisonRecord("not-a-row", "the value is not a FlatMessage of Canal")
    kind = text_at(value, "type").upper()
    if kind in EMPTIED:
        return table_emptied(source)
    if kind not in CHANGES and value.get("isDdl") is True:
        return SkippedRecord(code="no-row", reason="a change of a table's definition")
    if kind not in CHANGES:
        raise PoisonRecord("bad-change", "type is not INSERT, UPDATE or DELETE")
    return _row_bodies(record, source, CHANGES[kind])


def _row_bodies(
    record: DecodedRecord, source: Source, change: RowChange
) -> Bodies | SkippedRecord:
    value = record.value
    types = object_at(value, "mysqlType")
    table, key = text_at(value, "table"), _key_columns(value)
    time_ms = check_times(value.get("es"), unit_ms=1)
    batch = [value.get("id"), value.get("es")]
    if batch == [None, None]:
        batch = [offset_of(record)]
    rows, old_rows = _rows_at(value, "data"), _old_rows(value)
    if not rows:
        raise PoisonRecord("no-columns", "data has no rows")
    return join_bodies(
        row_change_bodies(
            record,
            source,
            RowOfTable(
                change=change,
                table=table,
                columns=_typed(columns, types),
                old=_typed(old, types),
                key=key,
                time_ms=time_ms,
                position=[*batch, index, columns, old],
            ),
        )
        for index, (columns, old) in enumerate(_pairs(rows, old_rows))
    )


def _old_rows(value: dict[str, Any]) -> list[dict[str, Any]]:
    return _rows_at(value, "old") if value.get("old") is not None else []


def _pairs(
    rows: list[dict[str, Any]], old_rows: list[dict[str, Any]]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if old_rows and len(old_rows) != len(rows):
        raise PoisonRecord("bad-rows", "data and old have not the same number of rows")
    return list(zip(rows, old_rows or [{}] * len(rows), strict=True))


def _rows_at(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = value.get(name)
    if not isinstance(rows, list):
        raise PoisonRecord("bad-rows", f"{name} is not a list of rows")
    if not all(isinstance(row, dict) for row in rows):
        raise PoisonRecord("bad-rows", f"{name} has a row that is not an object")
    return rows


def _key_columns(value: dict[str, Any]) -> list[str]:
    names = value.get("pkNames")
    if names is None:
        return []
    if not (isinstance(names, list) and all(isinstance(n, str) for n in names)):
        raise PoisonRecord("bad-key-names", "pkNames is not a list of names")
    return names


def _typed(columns: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _typed_value(v, types.get(name)) for name, v in columns.items()}


def _typed_value(value: object, type_name: object) -> object:
    """Return a number for a column of numbers; other text is returned unchanged.

    A decimal stays text: as a float it would lose digits.
    """
    if not (isinstance(value, str) and isinstance(type_name, str)):
        return value
    base = type_name.lower().partition("(")[0].split(" ")[0]
    try:
        if base in _INTEGERS:
            return int(value)
        return float(value) if base in _FLOATS else value
    except ValueError:
        return value
