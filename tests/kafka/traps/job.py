"""Instructions to a worker program, and the journal it writes."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

UNFINISHABLE = b"unfinishable"
"""Value of the record that a stage never finishes while the pause file exists."""

FATAL = b"fatal"
"""Value of the record that a stage fails on once, while the fuse file exists."""

FALL_BEHIND_S = 1.5
"""Time by which a stage falls behind: three times the reader's POLL_MS."""


WAIT_TIMEOUT_S = 240.0
"""Longest wait for an expected change, however busy the machine is."""


class TableStore(StrEnum):
    """Kind of storage for a worker's table."""

    NONE = "none"
    MEMORY = "memory"
    ROCKSDB = "rocksdb"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions for one worker.

    Attributes:
        name: Name of the worker in the journal.
        stage: Stage of the program to run.
        bootstrap: Broker addresses.
        prefix: Prefix of every topic and of the group.
        home: Directory of the journal, the switch files and the tables.
        store: Storage for the table, if there is a table.
        session_s: How long a silent worker keeps its partitions.
        rebalance_s: How long a rebalance waits.
        max_records: Most records of one poll.
        poll_interval_s: Stock Faust only: `broker_max_poll_interval`.
        pause_after_poll_s: Pause after each poll, or after twenty events of stock
            Faust, so that a backlog lasts.
        buffer: Stock Faust only: `stream_buffer_maxsize`.
    """

    name: str
    stage: str
    bootstrap: str
    prefix: str
    home: str
    store: TableStore = TableStore.NONE
    session_s: float = 4.0
    rebalance_s: float = 10.0
    max_records: int = 200
    poll_interval_s: float = 1000.0
    pause_after_poll_s: float = 0.0
    buffer: int = 4096

    @property
    def group(self) -> str:
        """Consumer group, and Faust's app id."""
        return f"{self.prefix}group"

    @property
    def source(self) -> str:
        """Source topic that the worker reads."""
        return f"{self.prefix}source"

    @property
    def changelog(self) -> str:
        """Changelog topic of the table, as Faust names it."""
        return f"{self.group}-rows-changelog"

    def switch_file(self, name: str) -> Path:
        """Return the path of a file that switches a behaviour on while it exists.

        `pause` holds stages back, `fuse` breaks a stage once, `recovery` delays the
        recovery of a table.
        """
        return Path(self.home, name)


def make_values(count: int, **special: bytes) -> list[bytes]:
    """Return plain values; `at_7=b"x"` replaces the eighth."""
    values = [b"plain"] * count
    for key, value in special.items():
        values[int(key.removeprefix("at_"))] = value
    return values


def add_to_row(row: bytes | None, value: bytes) -> bytes:
    """Add a value to a table row; a value that is there already changes nothing."""
    row_values = set(row.split(b",")) if row else set()
    return b",".join(sorted(row_values | {value}))


class Entry(NamedTuple):
    """Line of the journal: an event of a record or of a partition."""

    kind: str
    worker: str
    partition: int
    offset: int


DONE, OPENING, OPENED = "done", "opening", "opened"
HOLDING, TAKEN = "holding", "taken"


class Journal:
    """Journal of the workers; a written line survives `kill -9`."""

    def __init__(self, job: Job) -> None:
        self._worker = job.name
        path = journal_path(job.home)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, kind: str, *locations: tuple[int, int]) -> None:
        """Write one line for each (partition, offset)."""
        lines = [
            f"{kind} {self._worker} {part} {offset}\n" for part, offset in locations
        ]
        os.write(self._file, "".join(lines).encode())


def journal_path(home: str | Path) -> Path:
    """Return the path of the journal that the workers of a test share."""
    return Path(home, "journal")


def read_entries(home: str | Path) -> list[Entry]:
    """Return the entries written so far, whole lines only."""
    path = journal_path(home)
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    fields = [line.split() for line in whole.splitlines()]
    return [
        Entry(kind, worker, int(part), int(offset))
        for kind, worker, part, offset in fields
    ]


def job_from_argv() -> Job:
    """Return the job on this process's command line."""
    return msgspec.json.decode(sys.argv[1], type=Job)
