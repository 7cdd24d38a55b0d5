"""Storage for the rows of a table partition on this worker: memory or RocksDB."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rocksdict import Options, Rdict, WriteBatch

from streams.errors import EngineError

_OFFSET_KEY = b"\x00changelog-offset"
_CHANGELOG_ID_KEY = b"\x00changelog-id"
WRITE_BUFFER_BYTES = 8 << 20
"""RocksDB's default is 64 MiB, for each partition: too much for a worker with many."""


class Store(Protocol):
    """Rows of a partition, with the changelog offset that the rows reflect."""

    #: Offset of the next changelog record to apply; 0 if none was applied.
    next_offset: int

    #: Id of the changelog topic that the rows came from; empty if unknown.
    changelog_id: str

    def set_changelog_id(self, changelog_id: str) -> None:
        """Remember the changelog topic of the rows by id."""
        ...

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the existing rows for the keys."""
        ...

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """Replace rows and advance the offset in a single atomic step."""
        ...

    def wipe(self) -> None:
        """Remove all rows: the changelog is not the topic the rows came from."""
        ...

    def close(self) -> None:
        """Release memory, files and locks."""
        ...


class MemoryStore:
    """Store in a dict, recovered from the beginning of the changelog each time."""

    def __init__(self) -> None:
        self.next_offset = 0
        self.changelog_id = ""
        self._rows: dict[bytes, bytes] = {}

    def set_changelog_id(self, changelog_id: str) -> None:
        """Implement `Store.set_changelog_id` with a dict."""
        self.changelog_id = changelog_id

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Implement `Store.get_many` with a dict."""
        rows = self._rows
        return {key: rows[key] for key in keys if key in rows}

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """Implement `Store.write` with a dict."""
        self._rows.update(rows)
        self.next_offset = next_offset

    def wipe(self) -> None:
        """Implement `Store.wipe` with a dict."""
        self._rows.clear()
        self.next_offset, self.changelog_id = 0, ""

    def close(self) -> None:
        """Implement `Store.close` with a dict."""
        self._rows.clear()


class RocksStore:
    """Store on disk: a restart applies only new changelog records."""

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
                "the table store cannot be opened (is another worker using this "
                "data_dir? give each worker its own KLAVIYO_STREAMS_DATA_DIR)"
            ) from fault
        stored_offset = self._rows.get(_OFFSET_KEY)
        self.next_offset = int(stored_offset) if isinstance(stored_offset, bytes) else 0
        stored_id = self._rows.get(_CHANGELOG_ID_KEY)
        self.changelog_id = stored_id.decode() if isinstance(stored_id, bytes) else ""

    def set_changelog_id(self, changelog_id: str) -> None:
        """Implement `Store.set_changelog_id` with RocksDB."""
        self._rows[_CHANGELOG_ID_KEY] = changelog_id.encode()
        self.changelog_id = changelog_id

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Implement `Store.get_many` with RocksDB."""
        key_list: list[Any] = list(keys)
        values = self._rows.get(key_list) if key_list else []
        return {
            key: row
            for key, row in zip(key_list, values or [], strict=True)
            if isinstance(row, bytes)
        }

    def write(self, rows: Mapping[bytes, bytes], *, next_offset: int) -> None:
        """Implement `Store.write` with RocksDB."""
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            batch.put(key, row)
        batch.put(_OFFSET_KEY, str(next_offset).encode())
        self._rows.write(batch)
        self.next_offset = next_offset

    def wipe(self) -> None:
        """Implement `Store.wipe` with RocksDB."""
        self._rows.close()
        shutil.rmtree(self._path)
        self._open()

    def close(self) -> None:
        """Implement `Store.close` with RocksDB."""
        self._rows.close()
