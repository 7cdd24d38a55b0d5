"""Where the rows of one table partition lie on this worker: memory or RocksDB."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rocksdict import Options, Rdict, WriteBatch

from streams.errors import EngineError

_OFFSET_KEY = b"\x00changelog-offset"
_SOURCE_KEY = b"\x00changelog-id"
WRITE_BUFFER_BYTES = 8 << 20
"""RocksDB's own default, 64 MiB, is for each partition; FAUST.md, 2."""


class Store(Protocol):
    """Rows of one partition, and the changelog offset they reflect."""

    #: Offset of the next changelog record to apply; 0 when nothing was.
    next_offset: int

    #: Id of the changelog that these rows came from; empty when nobody knows.
    source: str

    def claim(self, source: str) -> None:
        """Note which changelog they come from."""
        ...

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The rows that exist."""
        ...

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """Replace rows and move the offset, in one step."""
        ...

    def wipe(self) -> None:
        """Forget everything: the changelog is not the one these rows came from."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class MemoryStore:
    """Rows in a dict: recovered from the changelog's beginning each time."""

    def __init__(self) -> None:
        self.next_offset = 0
        self.source = ""
        self._rows: dict[bytes, bytes] = {}

    def claim(self, source: str) -> None:
        """See `Store`."""
        self.source = source

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """See `Store`."""
        rows = self._rows
        return {key: rows[key] for key in keys if key in rows}

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """See `Store`."""
        self._rows.update(rows)
        self.next_offset = next_offset

    def wipe(self) -> None:
        """See `Store`."""
        self._rows.clear()
        self.next_offset, self.source = 0, ""

    def close(self) -> None:
        """See `Store`."""
        self._rows.clear()


class RocksStore:
    """Rows on disk: a restart applies only what the changelog gained meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)  # noqa: FBT003 - RocksDB's own signature
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        try:
            self._rows = Rdict(str(self._path), options)
        except Exception as fault:  # rocksdict raises bare Exception
            raise EngineError(
                "table store cannot be opened (is another worker using this data_dir? "
                "give each its own KLAVIYO_STREAMS_DATA_DIR)"
            ) from fault
        stored = self._rows.get(_OFFSET_KEY)
        self.next_offset = int(stored) if isinstance(stored, bytes) else 0
        source = self._rows.get(_SOURCE_KEY)
        self.source = source.decode() if isinstance(source, bytes) else ""

    def claim(self, source: str) -> None:
        """See `Store`."""
        self._rows[_SOURCE_KEY] = source.encode()
        self.source = source

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """See `Store`."""
        asked: list[Any] = list(keys)
        found = self._rows.get(asked) if asked else []
        return {
            key: row
            for key, row in zip(asked, found or [], strict=True)
            if isinstance(row, bytes)
        }

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """See `Store`."""
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            batch.put(key, row)
        batch.put(_OFFSET_KEY, str(next_offset).encode())
        self._rows.write(batch)
        self.next_offset = next_offset

    def wipe(self) -> None:
        """See `Store`."""
        self._rows.close()
        shutil.rmtree(self._path)
        self._open()

    def close(self) -> None:
        """See `Store`."""
        self._rows.close()
