"""Metadata of Debezium's records: operation, time, table, and position in the log."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import read_connect_value
from streams.events.formats.source_record import SourceRecord
from streams.events.time import EARLIEST_MS, LATEST_MS

NEW_KEY_HEADER: Final = "__debezium.newkey"
"""Header of the deletion under the old key, when the key of a row changes."""

OLD_KEY_HEADER: Final = "__debezium.oldkey"
"""Header of the creation under the new key, when the key of a row changes."""

SNAPSHOT_VALUES: Final = frozenset(
    {
        "true",
        "first",
        "first_in_data_collection",
        "last_in_data_collection",
        "last",
        "incremental",
    }
)
"""Debezium 3.6, `SnapshotRecord`, in lower case. Streamed changes have "false", null or
false; older versions write true and false."""

POSITION_FIELDS: Final = (
    "lsn",  # PostgreSQL
    "txId",
    "gtid",  # MySQL, MariaDB
    "file",
    "pos",
    "row",
    "commit_lsn",  # SQL Server, Db2
    "change_lsn",
    "event_serial_no",
    "scn",  # Oracle
    "rs_id",
    "ssn",
    "ord",  # MongoDB
)
"""Fields of `source` that name a change in the database's log.

`sequence` is left out: its first part is the last commit that the connector has seen,
which a restart changes. The log's position alone is not enough: rows of one COPY have
the same one; the message id has the key beside it.
"""

_CHANGE_FIELDS: Final = frozenset({"lsn", "pos", "change_lsn", "rs_id"})
"""Fields that tell two changes of a row in one transaction apart; the others name the
transaction, or a place within it."""

_FLAT_PREFIX: Final = "__"
"""`ExtractNewRecordState`: default of `add.fields.prefix` and `add.headers.prefix`."""

_FLAT_SECTIONS: Final = ("source_", "transaction_")
_FLAT_FIELDS: Final = frozenset(
    {
        *POSITION_FIELDS,
        "deleted",
        "op",
        "ts_ms",
        "ts_us",
        "ts_ns",
        "version",
        "connector",
        "name",
        "snapshot",
        "db",
        "sequence",
        "schema",
        "table",
        "collection",
        "xmin",
        "origin",
        "server_id",
        "thread",
        "query",
    }
)
_TRUE: Final = (True, "true", "TRUE", "True")


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """Metadata of a change.

    Attributes:
        op: Debezium's operation, not checked.
        table: Name of the table; empty if the record does not name it.
        time_ms: Time of the change in the database, milliseconds since the epoch; None
            if the record does not name it.
        position: JSON that tells this change of a row from any other one, the same
            each time that the connector sends it.
        is_snapshot: Whether a snapshot brought the row.
    """

    op: object
    table: str
    time_ms: int | None
    position: object
    is_snapshot: bool


def envelope_metadata(envelope: Mapping[str, Any], record: SourceRecord) -> Metadata:
    """Return the metadata of an envelope.

    Raises:
        PoisonRecord: `bad-envelope`, if `source` is not an object.
    """
    fields = envelope.get("source")
    if not isinstance(fields, dict):
        raise PoisonRecord("bad-envelope", "source is not an object")
    return _metadata(fields, envelope.get("op"), record)


def flat_metadata(row: Mapping[str, Any], record: SourceRecord) -> Metadata:
    """Return the metadata that the connector added to a flat row or to the headers.

    Without `add.fields` or `add.headers` with `op` an update cannot be told from a new
    row, and each row is an update.
    """
    added = _added_fields(row, record)
    fields = {name.removeprefix("source_"): value for name, value in added.items()}
    fields["ts_ms"] = added.get("source_ts_ms")  # the other is the connector's clock
    is_deleted = added.get("deleted") in _TRUE
    return _metadata(fields, "d" if is_deleted else added.get("op", "u"), record)


def is_metadata_column(name: str) -> bool:
    """Return True for a column that `ExtractNewRecordState` added to a row."""
    if name[:2] != _FLAT_PREFIX:
        return False
    field = name[2:]
    return field in _FLAT_FIELDS or field.startswith(_FLAT_SECTIONS)


def new_key(record: SourceRecord) -> dict[str, Any] | None:
    """Return the new key of a row deleted by a change of key; None for a true deletion.

    Raises:
        PoisonRecord: `bad-key-header`, if the header is not a key in JSON.
    """
    return _key_in(record, NEW_KEY_HEADER)


def old_key(record: SourceRecord) -> dict[str, Any] | None:
    """Return the old key of a row created by a change of key; None for a new row.

    Raises:
        PoisonRecord: `bad-key-header`, if the header is not a key in JSON.
    """
    return _key_in(record, OLD_KEY_HEADER)


def _added_fields(row: Mapping[str, Any], record: SourceRecord) -> dict[str, Any]:
    in_headers = {
        name.removeprefix(_FLAT_PREFIX): value.decode(errors="replace")
        for name, value in record.headers.items()
        if is_metadata_column(name) and value is not None
    }
    in_row = {
        name.removeprefix(_FLAT_PREFIX): value
        for name, value in row.items()
        if is_metadata_column(name) and value is not None
    }
    return {**in_headers, **in_row}


def _metadata(fields: Mapping[str, Any], op: object, record: SourceRecord) -> Metadata:
    snapshot, table = fields.get("snapshot"), fields.get("table")
    in_snapshot = snapshot is True or str(snapshot).lower() in SNAPSHOT_VALUES
    is_snapshot = op == "r" or in_snapshot
    return Metadata(
        op=op,
        table=table if isinstance(table, str) else "",
        time_ms=_time_ms(fields.get("ts_ms")),
        position=_position(fields, record, is_snapshot=is_snapshot),
        is_snapshot=is_snapshot,
    )


def _time_ms(value: object) -> int | None:
    """Return a time; None for none or 0, which snapshots of some databases have."""
    try:
        time_ms = int(value) if isinstance(value, str | int) else 0
    except ValueError:
        raise PoisonRecord("bad-time", "source.ts_ms is not a number") from None
    if time_ms and not EARLIEST_MS <= time_ms <= LATEST_MS:
        raise PoisonRecord("bad-time", "source.ts_ms is not a time from 1990 to 9999")
    return time_ms or None


def _position(
    fields: Mapping[str, Any], record: SourceRecord, *, is_snapshot: bool
) -> object:
    position = {
        name: str(value)
        for name in POSITION_FIELDS
        if (value := fields.get(name)) is not None
    }
    if not _CHANGE_FIELDS.isdisjoint(position) or (is_snapshot and position):
        return position
    # Where no field names the change, repeats must not be mistaken for one: a row that
    # goes from A to B and back to A has two changes with the same content.
    return str(record.origin)


def _key_in(record: SourceRecord, header: str) -> dict[str, Any] | None:
    raw = record.headers.get(header)
    if raw is None:
        return None
    try:
        key = read_connect_value(orjson.loads(raw)).payload
    except orjson.JSONDecodeError:
        key = None
    if isinstance(key, dict):
        return key
    raise PoisonRecord("bad-key-header", f"the header {header} is not a key in JSON")
