"""Snapshot of the memberships table as a Parquet file, a row per entry."""

from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.audiences.list_mapping import ListMapping
from streams.audiences.table_snapshot import (
    EXPORT_AGAIN_HINT,
    TableSnapshot,
    build_header,
    read_header,
)
from streams.errors import ConfigError
from streams.events.canonical_event import Origin
from streams.state.entries import (
    EntryKind,
    EntryName,
    LastWrite,
    decode_identity,
    encode_entry,
)
from streams.state.identity import Identity
from streams.state.user_entries import NamedEntry, collect_entries, named_entries

ROW_GROUP_ROWS: Final = 100_000
"""Rows in a row group of the file."""

PARQUET_MAGIC: Final = b"PAR1"
"""First bytes of every Parquet file (Parquet's specification, "File format")."""

_HEADER: Final = b"klaviyo-streams"
_LIST_MAPPINGS: Final = b"klaviyo-streams.list-mappings"
_NO_WRITE: Final = LastWrite(
    inside=False, time_ms=0, origin=Origin(topic="", partition=0, offset=0)
)
"""Values of the other columns of an identity."""

_LIST_MAPPINGS_DECODER = msgspec.json.Decoder(dict[str, ListMapping])


def write_parquet(path: Path, snapshot: TableSnapshot, *, exported_at: str) -> None:
    """Write a snapshot to a Parquet file.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    pa, pq = _import_pyarrow()
    header = build_header(snapshot, exported_at=exported_at)
    schema = _schema(pa).with_metadata(
        {
            _HEADER: msgspec.json.encode(header),
            _LIST_MAPPINGS: msgspec.json.encode(snapshot.list_mappings),
        }
    )
    records = (
        _encode_record(user, entry)
        for user, entries in snapshot.users.items()
        for entry in named_entries(entries)
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while chunk := list(islice(records, ROW_GROUP_ROWS)):
            writer.write_table(pa.Table.from_pylist(chunk, schema=schema))


def read_parquet(path: Path) -> TableSnapshot:
    """Read a snapshot that `write_parquet` wrote.

    Raises:
        ConfigError: pyarrow is not installed, or the file is not such a snapshot.
        FileNotFoundError: The file does not exist.
    """
    pa, pq = _import_pyarrow()
    try:
        with pq.ParquetFile(path) as file:
            return _read_file(pa, file)
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError, msgspec.MsgspecError) as error:
        error_name = type(error).__name__
        raise ConfigError(
            [f"can't be read as Parquet ({error_name}); {EXPORT_AGAIN_HINT}"]
        ) from None


def _read_file(pa: Any, file: Any) -> TableSnapshot:  # noqa: ANN401 - pyarrow ships no types
    schema = file.schema_arrow
    metadata = schema.metadata or {}
    header = read_header(metadata.get(_HEADER, b""))
    if not schema.equals(_schema(pa)):
        raise ConfigError([f"has other columns than an export; {EXPORT_AGAIN_HINT}"])
    list_mappings = _LIST_MAPPINGS_DECODER.decode(metadata.get(_LIST_MAPPINGS, b"{}"))
    entries: dict[str, list[NamedEntry]] = {}
    for batch in file.iter_batches(ROW_GROUP_ROWS):
        columns = batch.set_column(3, "time", batch.column("time").cast(pa.int64()))
        for record in columns.to_pylist():
            entries.setdefault(record["user"], []).append(_decode_record(record))
    if file.metadata.num_rows != header.entries:
        count = file.metadata.num_rows
        problem = f"has {count} entries, and its header says {header.entries}"
        raise ConfigError([f"{problem}; {EXPORT_AGAIN_HINT}"])
    users = {user: collect_entries(of_user) for user, of_user in entries.items()}
    return TableSnapshot(users, list_mappings)


def _encode_record(user: str, named: NamedEntry) -> dict[str, object]:
    (kind, name), entry = named
    last_write = _NO_WRITE if isinstance(entry, Identity) else entry
    identity = encode_entry(entry).decode() if isinstance(entry, Identity) else ""
    return {
        "user": user,
        "name": name,
        "inside": last_write.inside,
        "time": last_write.time_ms,
        "topic": last_write.origin.topic,
        "partition": last_write.origin.partition,
        "offset": last_write.origin.offset,
        "index": last_write.origin.index,
        "message_ids": last_write.message_ids,
        "list_id": last_write.list_id,
        "revision": last_write.revision,
        "entry": kind.value,
        "identity": identity,
    }


def _decode_record(record: dict[str, Any]) -> NamedEntry:
    kind = msgspec.convert(record["entry"], EntryKind)
    name = EntryName(kind, record["name"])
    if kind is EntryKind.IDENTITY:
        return NamedEntry(name, decode_identity(record["identity"]))
    last_write = LastWrite(
        inside=record["inside"],
        time_ms=record["time"],
        origin=Origin(
            topic=record["topic"],
            partition=record["partition"],
            offset=record["offset"],
            index=record["index"],
        ),
        message_ids=tuple(record["message_ids"]),
        list_id=record["list_id"],
        revision=record["revision"],
    )
    return NamedEntry(name, last_write)


def _schema(pa: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    columns = {
        "user": pa.string(),
        "name": pa.string(),
        "inside": pa.bool_(),
        "time": pa.timestamp("ms", tz="UTC"),
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "index": pa.int32(),
        "message_ids": pa.list_(pa.field("element", pa.string(), nullable=False)),
        "list_id": pa.string(),
        "revision": pa.int32(),
        "entry": pa.string(),
        "identity": pa.string(),
    }
    fields = [
        pa.field(name, column_type, nullable=False)
        for name, column_type in columns.items()
    ]
    return pa.schema(fields)


def _import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra that few need
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        fix = "install it with pip install 'klaviyo-streams[parquet]'"
        raise ConfigError([f"Parquet needs pyarrow; {fix}"]) from None
    return pa, pq
