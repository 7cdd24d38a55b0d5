"""Both kinds of store keep the same promises."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from agents.engine.store import MemoryStore, RocksStore, Store
from streams.errors import EngineError

Step: TypeAlias = Callable[[Store], None]


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Return an empty store of either kind."""
    store: Store = MemoryStore()
    if request.param == "rocksdb":
        store = RocksStore(tmp_path / "rows" / "0")
    yield store
    store.close()


def _write(entries: Mapping[bytes, bytes | None], *, next_offset: int) -> Step:
    return lambda store: store.write(entries, next_offset=next_offset)


def _wipe(store: Store) -> None:
    store.wipe()


@pytest.mark.parametrize(
    ("steps", "rows", "next_offset"),
    [
        pytest.param([], {}, 0, id="new"),
        pytest.param([_write({b"a": b"1"}, next_offset=1)], {b"a": b"1"}, 1, id="one"),
        pytest.param(
            [
                _write({b"a": b"1", b"b": b"1"}, next_offset=2),
                _write({b"b": b"2"}, next_offset=3),
            ],
            {b"a": b"1", b"b": b"2"},
            3,
            id="the later write replaces the row",
        ),
        pytest.param(
            [_write({b"a": b"1"}, next_offset=1), _write({}, next_offset=9)],
            {b"a": b"1"},
            9,
            id="the offset moves without rows",
        ),
        pytest.param(
            [_write({b"a": b""}, next_offset=1)],
            {b"a": b""},
            1,
            id="an empty row is a row",
        ),
        pytest.param(
            [_write({b"\x00\xff": b"\x00"}, next_offset=1)],
            {b"\x00\xff": b"\x00"},
            1,
            id="any bytes",
        ),
        pytest.param(
            [
                _write({b"a": b"1", b"b": b"1"}, next_offset=2),
                _write({b"a": None}, next_offset=3),
            ],
            {b"b": b"1"},
            3,
            id="removed",
        ),
        pytest.param(
            [_write({b"a": None}, next_offset=1)], {}, 1, id="removed, never written"
        ),
        pytest.param(
            [
                _write({b"a": b"1"}, next_offset=1),
                _write({b"a": None}, next_offset=2),
                _write({b"a": b"2"}, next_offset=3),
            ],
            {b"a": b"2"},
            3,
            id="removed and written again",
        ),
        pytest.param(
            [_write({b"a": b"1"}, next_offset=5), _wipe], {}, 0, id="wiped: as new"
        ),
        pytest.param(
            [
                _write({b"a": b"1"}, next_offset=5),
                _wipe,
                _write({b"b": b"1"}, next_offset=1),
            ],
            {b"b": b"1"},
            1,
            id="usable after a wipe",
        ),
    ],
)
def test_rows_and_offset_are_what_was_written_last(
    store: Store, steps: list[Step], rows: dict[bytes, bytes], next_offset: int
) -> None:
    """Each case is a sequence of steps and the rows expected afterwards."""
    for step in steps:
        step(store)

    assert store.get_many([b"a", b"b", b"\x00\xff", b"absent"]) == rows
    assert {key: store.get(key) for key in rows} == rows
    assert store.get(b"absent") is None
    assert store.next_offset == next_offset


@pytest.mark.parametrize(
    ("group", "entries"),
    [
        pytest.param(b"ada\0m", {b"vip": b"1", b"new": b"2"}, id="a group"),
        pytest.param(b"ada\0c", {b"x": b"3"}, id="another group of the user"),
        pytest.param(b"adam\0m", {b"vip": b"4"}, id="a longer user key"),
        pytest.param(b"ada", {b"m": b"5"}, id="the start of other groups"),
        pytest.param(b"eve\0m", {}, id="no such group"),
        pytest.param(b"", {}, id="no group: the store's own keys are none"),
    ],
)
def test_a_scan_reads_one_group(
    store: Store, group: bytes, entries: dict[bytes, bytes]
) -> None:
    """Removed entries and entries of neighbouring groups are left out."""
    written: dict[bytes, bytes | None] = {
        b"ada\0m\0vip": b"1",
        b"ada\0m\0new": b"2",
        b"ada\0m\0gone": b"0",
        b"ada\0c\0x": b"3",
        b"adam\0m\0vip": b"4",
        b"ada\0m": b"5",
    }
    store.write(written, next_offset=6)
    store.write({b"ada\0m\0gone": None}, next_offset=7)

    assert store.scan(group) == entries


def test_a_scan_sees_every_earlier_write(store: Store) -> None:
    """Scans between two writes may share what they read, but no scan is out of date."""
    seen = []
    for entries in ({b"ada\0m\0vip": b"1"}, {b"ada\0m\0new": b"2"}):
        seen.append(store.scan(b"ada\0m"))
        store.write({**entries}, next_offset=1)
    seen.append(store.scan(b"ada\0m"))
    store.wipe()
    seen.append(store.scan(b"ada\0m"))

    assert seen == [{}, {b"vip": b"1"}, {b"vip": b"1", b"new": b"2"}, {}]


def test_no_keys_no_rows(store: Store) -> None:
    """A read without keys returns no rows."""
    assert store.get_many([]) == {}


def test_a_store_on_disk_outlives_its_worker(tmp_path: Path) -> None:
    """A store that was closed and opened again has its rows and its offset."""
    store = RocksStore(tmp_path)
    store.write({b"a": b"1"}, next_offset=7)
    store.scan(b"a")
    store.close()

    again = RocksStore(tmp_path)

    assert again.get_many([b"a"]) == {b"a": b"1"}
    assert again.next_offset == 7

    again.close()


def test_a_wiped_store_on_disk_stays_wiped(tmp_path: Path) -> None:
    """Wiped rows do not come back with a restart."""
    store = RocksStore(tmp_path)
    store.write({b"a": b"1"}, next_offset=7)
    store.wipe()
    store.close()

    again = RocksStore(tmp_path)

    assert again.get_many([b"a"]) == {}
    assert again.next_offset == 0

    again.close()


def test_a_directory_in_use_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """The error for the second worker names the setting to change."""
    store = RocksStore(tmp_path)

    with pytest.raises(EngineError, match="KLAVIYO_STREAMS_DATA_DIR"):
        RocksStore(tmp_path)

    store.close()
