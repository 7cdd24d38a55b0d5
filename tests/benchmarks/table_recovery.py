"""A membership table recovered from its changelog, in a process of its own."""

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvloop

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Producer
from agents.engine.table import Table
from agents.shared import logging
from streams.events.canonical_event import Origin
from streams.state.entries import EntryGroup, LastWrite, group_key, merge_entry
from streams.state.user_entries import UserEntries, encode_entries
from tests.benchmarks.runs import PARTITIONS
from tests.benchmarks.workload import START_MS, Published

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Contents of the changelog: memberships of users, compacted."""

    users: int
    per_user: int

    def __iter__(self) -> Iterator[Published]:
        for user in range(self.users):
            memberships = _memberships(user, self.per_user)
            entries = UserEntries(memberships=memberships)
            for key, entry in encode_entries(f"user-{user}", entries):
                yield Published(key=key, value=entry, partition=user % PARTITIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Time that something took: by the clock, and of the processor."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Duration and memory of one recovery.

    Attributes:
        recovery: All partitions from the changelog's beginning, at the same time.
        again: The same with all rows on disk, as after a restart; None in memory.
        read: Every user's memberships, by a scan.
        resident_bytes: Memory more than before, after the recovery.
        read_bytes: The same after each row was read once.
        disk_bytes: Of files; 0 in memory.
    """

    recovery: Taken
    again: Taken | None
    read: Taken
    resident_bytes: int
    read_bytes: int
    disk_bytes: int


def recovered(
    bootstrap: str, changelog: str, rows: Rows, *, directory: Path | None
) -> Recovered:
    """Recover a table and read every row of it.

    Args:
        bootstrap: Where Kafka is.
        changelog: The topic.
        rows: What it holds.
        directory: Where RocksDB lies; None keeps rows in memory.

    Raises:
        RuntimeError: A row is missing.
    """
    logging.configure_logging("warning")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_recovered(bootstrap, changelog, rows, directory))


async def _recovered(
    bootstrap: str, changelog: str, rows: Rows, directory: Path | None
) -> Recovered:
    kafka = KafkaAccess(bootstrap=bootstrap)
    table = Table(
        changelog=changelog,
        kafka=kafka,
        producer=Producer(kafka),
        merge=merge_entry,
        directory=directory,
    )
    gc.collect()
    before_bytes = _resident_bytes()
    taken = _stopwatch()
    await _open_all(table)
    recovery = taken()
    gc.collect()
    resident_bytes = _resident_bytes() - before_bytes
    taken = _stopwatch()
    _read_all(table, rows)
    read = taken()
    read_bytes = _resident_bytes() - before_bytes
    return Recovered(
        recovery=recovery,
        again=await _reopened(table) if directory else None,
        read=read,
        resident_bytes=resident_bytes,
        read_bytes=read_bytes,
        disk_bytes=_size_bytes(directory) if directory else 0,
    )


async def _reopened(table: Table) -> Taken:
    for partition in range(PARTITIONS):
        table.close(partition)
    taken = _stopwatch()
    await _open_all(table)
    return taken()


async def _open_all(table: Table) -> None:
    await asyncio.gather(*map(table.open, range(PARTITIONS)))


def _read_all(table: Table, rows: Rows) -> None:
    """Read every user's memberships, by a scan."""
    found = 0
    for user in range(rows.users):
        group = group_key(f"user-{user}".encode(), EntryGroup.MEMBERSHIP)
        found += len(table.scan(user % PARTITIONS, group))
    if found != rows.users * rows.per_user:
        raise RuntimeError(f"{found} of {rows.users * rows.per_user} entries are there")


def _memberships(user: int, per_user: int) -> dict[str, LastWrite]:
    return {
        f"audience-{number}": LastWrite(
            inside=(user + number) % 4 != 0,
            time_ms=START_MS + user,
            origin=Origin(topic="segment-events", partition=user % 8, offset=user),
            message_ids=(f"ajs-next-{user:016}-{number:03}",),
        )
        for number in range(per_user)
    }


def _stopwatch() -> Callable[[], Taken]:
    wall_s, cpu_s = time.monotonic(), time.process_time()

    def taken() -> Taken:
        return Taken(
            wall_s=time.monotonic() - wall_s, cpu_s=time.process_time() - cpu_s
        )

    return taken


def _resident_bytes() -> int:
    """Memory of this process in RAM (proc(5), so: Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def _size_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
