"""Rows of MySQL's log as row events, whichever tool read the log."""

from dataclasses import dataclass
from typing import Any

import msgspec

from streams.errors import PoisonRecord
from streams.events.formats.row_source import row_bodies, typed_columns
from streams.events.formats.source_record import (
    Bodies,
    DecodedRecord,
    SkippedRecord,
    join_bodies,
)
from streams.events.row import RowChange
from streams.events.sources import Source, TruncatePolicy
from streams.events.time import EARLIEST_MS, LATEST_MS

Position = list[Any]
"""JSON that tells a change of a row from any other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOfTable:
    """Row of a table after a change.

    Attributes:
        change: The change.
        table: Name of the table.
        columns: Values of the columns; of a deleted row those it had.
        old: Values that the change replaced, of the changed columns only.
        key: Names of the key's columns; empty if the table has no key.
        time_ms: Time of the change, milliseconds since the epoch; None if not known.
        position: Tells this change from any other one.
        is_snapshot: Whether the row was there before anybody looked.
    """

    change: RowChange
    table: str
    columns: dict[str, Any]
    old: dict[str, Any]
    key: list[str]
    time_ms: int | None
    position: Position
    is_snapshot: bool = False


def row_change_bodies(
    record: DecodedRecord, source: Source, row: RowOfTable
) -> Bodies | SkippedRecord:
    """Return the event of a row; after a change of key, first the old key's deletion.

    The old key does not end where a column beside it names the person, who lives on.

    Raises:
        PoisonRecord: The row has no usable key.
    """
    if row.change is not RowChange.UPDATED or not _is_another(source, row):
        return _bodies(record, source, row, row.change, row.columns)
    before = {**row.columns, **row.old}
    parts = ((RowChange.DELETED, before), (RowChange.ADDED, row.columns))
    return join_bodies(_bodies(record, source, row, *part) for part in parts)


def _is_another(source: Source, row: RowOfTable) -> bool:
    """Return True if the change of a row's key makes another row or person."""
    person = source.user_id or source.email
    names = source.key or row.key
    changed = {n for n, value in row.old.items() if value != row.columns.get(n)}
    return not changed.isdisjoint(names) and (not person or person in changed)


def _bodies(
    record: DecodedRecord,
    source: Source,
    row: RowOfTable,
    change: RowChange,
    columns: dict[str, Any],
) -> Bodies | SkippedRecord:
    columns = typed_columns(record, source, columns)
    key = {name: columns.get(name) for name in row.key}
    return row_bodies(
        msgspec.structs.replace(record, key=key or None),
        source,
        change,
        columns,
        position=row.position,
        table=row.table,
        time_ms=row.time_ms,
        is_snapshot=row.is_snapshot,
        changed=row.old if change is RowChange.UPDATED and row.old else None,
    )


def table_emptied(source: Source) -> SkippedRecord:
    """Return the reason why a record that says that a table was emptied has no event.

    Raises:
        PoisonRecord: `table-emptied`, if the source wants a dead letter.
    """
    reason = "the table was emptied or dropped"
    if source.on_truncate is TruncatePolicy.DEAD_LETTER:
        fix = f"choose who leaves, or set sources.{source.name}.on_truncate: skip"
        raise PoisonRecord("table-emptied", f"{reason}; {fix}")
    return SkippedRecord(code="table-emptied", reason=reason)


def check_times(value: object, *, unit_ms: int) -> int | None:
    """Return a tool's time in milliseconds since the epoch; None if there is none.

    Raises:
        PoisonRecord: `bad-time`, if it is not a time since 1990.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        time_ms = value * unit_ms
        if EARLIEST_MS <= time_ms <= LATEST_MS:
            return time_ms
    raise PoisonRecord("bad-time", "the time of the change is not an epoch since 1990")


def text_at(value: dict[str, Any], name: str) -> str:
    """Return a text that must be there.

    Raises:
        PoisonRecord: `not-a-row`.
    """
    text = value.get(name)
    if not isinstance(text, str) or not text:
        raise PoisonRecord("not-a-row", f"{name} is missing or not text")
    return text


def object_at(value: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object; empty for an absent or null member.

    Raises:
        PoisonRecord: `not-a-row`.
    """
    part = value.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise PoisonRecord("not-a-row", f"{name} is not an object")
    return part
