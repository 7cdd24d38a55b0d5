"""Storage for the entries of a table partition on this worker: memory or RocksDB.

A key is a group, a NUL byte and a name without NUL bytes. `scan` reads a whole group.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from rocksdict import Options, Rdict, RdictIter, WriteBatch

from streams.errors import EngineError

_OFFSET_KEY = b"\x00\x00changelog-offset"
_CHANGELOG_ID_KEY = b"\x00\x00changelog-id"
WRITE_BUFFER_BYTES = 8 << 20
"""RocksDB's default is 64 MiB, for each partition: too much for a worker with many."""


class Store(Protocol):
    """Entries of a partition, with the changelog offset that the entries reflect."""

    #: Offset of the next changelog record to apply; 0 if none was applied.
    next_offset: int

    #: Id of the changelog topic that the entries came from; empty if unknown.
    changelog_id: str

    def set_changelog_id(self, changelog_id: str) -> None:
        """Remember the changelog topic of the entries by id."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """Return the entry of a key; None for an unknown key."""
        ...

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the existing entries for the keys."""
        ...

    def scan(self, group: bytes) -> dict[bytes, bytes]:
        """Return every entry of a group, by the name of the entry."""
        ...

    def write(self, entries: Mapping[bytes, bytes | None], *, next_offset: int) -> None:
        """Write entries and advance the offset in a single atomic step.

        Args:
            entries: Key -> entry; None removes the entry.
            next_offset: Offset of the next changelog record to apply.
        """
        ...

    def count_entries(self) -> int:
        """Return the number of entries; it may be an estimate."""
        ...

    def wipe(self) -> None:
        """Remove all entries: the entries came from another changelog topic."""
        ...

    def close(self) -> None:
        """Release memory, files and locks."""
        ...


class MemoryStore:
    """Store in a dict, recovered from the beginning of the changelog each time."""

    def __init__(self) -> None:
        self.next_offset = 0
        self.changelog_id = ""
        self._groups: dict[bytes, dict[bytes, bytes]] = {}
        self._entry_count = 0

    def set_changelog_id(self, changelog_id: str) -> None:
        """Implement `Store.set_changelog_id` with a dict."""
        self.changelog_id = changelog_id

    def get(self, key: bytes) -> bytes | None:
        """Implement `Store.get` with a dict."""
        group, _, name = key.rpartition(b"\0")
        entries = self._groups.get(group)
        return entries.get(name) if entries else None

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Implement `Store.get_many` with a dict."""
        found = ((key, self.get(key)) for key in keys)
        return {key: entry for key, entry in found if entry is not None}

    def scan(self, group: bytes) -> dict[bytes, bytes]:
        """Implement `Store.scan` with a dict."""
        return dict(self._groups.get(group, {}))

    def write(self, entries: Mapping[bytes, bytes | None], *, next_offset: int) -> None:
        """Implement `Store.write` with a dict."""
        for key, entry in entries.items():
            group, _, name = key.rpartition(b"\0")
            if entry is not None:
                entries_of_group = self._groups.setdefault(group, {})
                self._entry_count += name not in entries_of_group
                entries_of_group[name] = entry
            elif remaining := self._groups.get(group):
                self._entry_count -= name in remaining
                remaining.pop(name, None)
                if not remaining:
                    del self._groups[group]
        self.next_offset = next_offset

    def count_entries(self) -> int:
        """Implement `Store.count_entries` with a dict."""
        return self._entry_count

    def wipe(self) -> None:
        """Implement `Store.wipe` with a dict."""
        self._groups.clear()
        self._entry_count = 0
        self.next_offset, self.changelog_id = 0, ""

    def close(self) -> None:
        """Implement `Store.close` with a dict."""
        self._groups.clear()


class RocksStore:
    """Store on disk: a restart applies only new changelog records.

    Scans between two writes share a cursor: opening one costs more than a scan. It sees
    the entries as they were when it was opened, and keeps the database open. All that
    changes or closes the entries drops it first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cursor: RdictIter | None = None
        self._open()

    def _open(self) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)  # noqa: FBT003 - RocksDB's own signature
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        try:
            self._entries = Rdict(str(self._path), options)
        except Exception as fault:  # rocksdict raises bare Exception
            raise EngineError(
                "the table store cannot be opened (is another worker using this "
                "data_dir? give each worker its own KLAVIYO_STREAMS_DATA_DIR)"
            ) from fault
        stored_offset = self.get(_OFFSET_KEY)
        self.next_offset = int(stored_offset) if stored_offset else 0
        stored_id = self.get(_CHANGELOG_ID_KEY)
        self.changelog_id = stored_id.decode() if stored_id else ""

    def set_changelog_id(self, changelog_id: str) -> None:
        """Implement `Store.set_changelog_id` with RocksDB."""
        self._entries[_CHANGELOG_ID_KEY] = changelog_id.encode()
        self.changelog_id = changelog_id

    def get(self, key: bytes) -> bytes | None:
        """Implement `Store.get` with RocksDB."""
        entry = self._entries.get(key)
        return entry if isinstance(entry, bytes) else None

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Implement `Store.get_many` with RocksDB."""
        key_list: list[Any] = list(keys)
        entries = self._entries.get(key_list) if key_list else []
        return {
            key: entry
            for key, entry in zip(key_list, entries or [], strict=True)
            if isinstance(entry, bytes)
        }

    def scan(self, group: bytes) -> dict[bytes, bytes]:
        """Implement `Store.scan` with RocksDB."""
        prefix = group + b"\0"
        entries: dict[bytes, bytes] = {}
        cursor = self._cursor = self._cursor or self._entries.iter()
        cursor.seek(prefix)
        while cursor.valid():
            key: Any = cursor.key()  # raw mode: bytes
            if not key.startswith(prefix):
                break
            name = key[len(prefix) :]
            if b"\0" not in name:
                entries[name] = cursor.value()
            cursor.next()
        else:
            cursor.status()  # raises if a read failed: that is not the end of the data
        return entries

    def write(self, entries: Mapping[bytes, bytes | None], *, next_offset: int) -> None:
        """Implement `Store.write` with RocksDB."""
        batch = WriteBatch(raw_mode=True)
        for key, entry in entries.items():
            if entry is None:
                batch.delete(key)
            else:
                batch.put(key, entry)
        batch.put(_OFFSET_KEY, str(next_offset).encode())
        self._cursor = None
        self._entries.write(batch)
        self.next_offset = next_offset

    def count_entries(self) -> int:
        """Implement `Store.count_entries` with RocksDB's estimate."""
        return self._entries.property_int_value("rocksdb.estimate-num-keys") or 0

    def wipe(self) -> None:
        """Implement `Store.wipe` with RocksDB."""
        self.close()
        shutil.rmtree(self._path)
        self._open()

    def close(self) -> None:
        """Implement `Store.close` with RocksDB."""
        self._cursor = None
        self._entries.close()
