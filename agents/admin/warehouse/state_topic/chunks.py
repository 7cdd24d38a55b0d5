"""Chunks of a segment: rows as Parquet, each small enough for a record of Kafka."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from streams.errors import ConfigError

CHUNK_ROWS: Final = 10_000
"""Ours: some 500 kB, as a row with an e-mail address takes 50 bytes."""

CHUNK_MAX_BYTES: Final = 900_000
"""Below Kafka's default `max.message.bytes` of 1,048,588 with its key and its batch."""


def encode_chunks(batches: Iterable[Any], *, at: str) -> Iterator[tuple[bytes, int]]:
    """Yield each chunk with its number of rows.

    Args:
        batches: Arrow batches of rows.
        at: Name of the sync, for errors.

    Raises:
        ConfigError: A single row is too large for a record.
    """
    for batch in batches:
        yield from _encode(pa.Table.from_batches([batch]), at=at)


def _encode(table: Any, *, at: str) -> Iterator[tuple[bytes, int]]:  # noqa: ANN401 - pyarrow ships no types
    if not table.num_rows:
        return
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    value = sink.getvalue().to_pybytes()
    if len(value) <= CHUNK_MAX_BYTES:
        yield value, table.num_rows
        return
    if table.num_rows == 1:
        problem = f"a row's key is too large to be kept in Kafka ({len(value)} bytes)"
        raise ConfigError([f"{at}: {problem}; choose shorter columns as the key"])
    middle = table.num_rows // 2
    yield from _encode(table.slice(0, middle), at=at)
    yield from _encode(table.slice(middle), at=at)


def decode_chunk(value: bytes) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the rows of a chunk as an Arrow table."""
    return pq.read_table(pa.BufferReader(value))


class Checksum:
    """SHA-256 over the chunks of a segment, in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, value: bytes) -> None:
        """Add the next chunk; its length is part of the sum."""
        self._digest.update(len(value).to_bytes(8, "big"))
        self._digest.update(value)

    def hexdigest(self) -> str:
        """Return the sum as hexadecimal digits."""
        return self._digest.hexdigest()
