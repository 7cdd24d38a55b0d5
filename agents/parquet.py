"""A copy of the memberships table as a Parquet file, a line for each word in it."""

from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.audiences.membership import Membership
from streams.audiences.moving import AGAIN, Copy, header_of, read_header
from streams.audiences.pairing import Pairing
from streams.errors import ConfigError
from streams.events.origin import Origin

WORDS_EACH: Final = 100_000
"""Words in a row group."""

MAGIC: Final = b"PAR1"
"""Every Parquet file begins with it (Parquet's file format, "File format")."""

_HEADER: Final = b"klaviyo-streams"
_PAIRINGS: Final = b"klaviyo-streams.pairings"
_PAIRING_ROWS = msgspec.json.Decoder(dict[str, Pairing])


def write(path: Path, copy: Copy, *, exported_at: str) -> None:
    """Write a copy.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    pa, pq = _pyarrow()
    header = header_of(copy, exported_at=exported_at)
    schema = _schema(pa).with_metadata(
        {
            _HEADER: msgspec.json.encode(header),
            _PAIRINGS: msgspec.json.encode(copy.pairings),
        }
    )
    words = (
        _flat(user, name, word)
        for user, row in copy.rows.items()
        for name, word in row.items()
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while part := list(islice(words, WORDS_EACH)):
            writer.write_table(pa.Table.from_pylist(part, schema=schema))


def read(path: Path) -> Copy:
    """Read what `write` wrote.

    Raises:
        ConfigError: pyarrow is not installed, or the file is something else.
        FileNotFoundError: There is none.
    """
    pa, pq = _pyarrow()
    try:
        with pq.ParquetFile(path) as file:
            return _read(pa, file)
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError, msgspec.MsgspecError) as fault:
        kind = type(fault).__name__
        raise ConfigError([f"can't be read as Parquet ({kind}); {AGAIN}"]) from None


def _read(pa: Any, file: Any) -> Copy:  # noqa: ANN401 - pyarrow ships no types
    found = file.schema_arrow
    metadata = found.metadata or {}
    header = read_header(metadata.get(_HEADER, b""))
    if not found.equals(_schema(pa)):
        raise ConfigError([f"has other columns than an export; {AGAIN}"])
    copy = Copy({}, _PAIRING_ROWS.decode(metadata.get(_PAIRINGS, b"{}")))
    for batch in file.iter_batches(WORDS_EACH):
        whole = batch.set_column(3, "time", batch.column("time").cast(pa.int64()))
        for flat in whole.to_pylist():
            row = copy.rows.setdefault(flat["user"], {})
            row[flat["name"]] = _word(flat)
    if len(copy.rows) != header.rows:
        mistake = f"has {len(copy.rows)} rows, and its header says {header.rows}"
        raise ConfigError([f"{mistake}; {AGAIN}"])
    return copy


def _flat(user: str, name: str, word: Membership) -> dict[str, object]:
    return {
        "user": user,
        "name": name,
        "inside": word.inside,
        "time": word.time_ms,
        "topic": word.origin.topic,
        "partition": word.origin.partition,
        "offset": word.origin.offset,
        "message_ids": word.message_ids,
        "list_id": word.list_id,
        "revision": word.revision,
    }


def _word(flat: dict[str, Any]) -> Membership:
    return Membership(
        inside=flat["inside"],
        time_ms=flat["time"],
        origin=Origin(
            topic=flat["topic"], partition=flat["partition"], offset=flat["offset"]
        ),
        message_ids=tuple(flat["message_ids"]),
        list_id=flat["list_id"],
        revision=flat["revision"],
    )


def _schema(pa: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    columns = {
        "user": pa.string(),
        "name": pa.string(),
        "inside": pa.bool_(),
        "time": pa.timestamp("ms", tz="UTC"),
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "message_ids": pa.list_(pa.field("element", pa.string(), nullable=False)),
        "list_id": pa.string(),
        "revision": pa.int32(),
    }
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns.items()]
    return pa.schema(fields)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra that few need
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        mend = "install it with pip install 'klaviyo-streams[parquet]'"
        raise ConfigError([f"Parquet needs pyarrow; {mend}"]) from None
    return pa, pq
