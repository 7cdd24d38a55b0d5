"""What a worker program is told, and what it tells: both sides import this."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

UNFINISHABLE = b"unfinishable"
"""Value of the record a stage never finishes, while the gate is shut."""

FATAL = b"fatal"
"""Value of the record a stage breaks on, once: while the fuse is there."""

FALL_BEHIND_S = 1.5
"""How long a stage falls behind: three times `Reader`'s POLL_MS."""


WAIT_TIMEOUT_S = 40.0
"""How long a test waits for what must happen: a loaded machine of two cores."""


class TableStore(StrEnum):
    """Where a worker keeps its table."""

    NONE = "none"
    MEMORY = "memory"
    ROCKSDB = "rocksdb"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's orders.

    Attributes:
        name: The worker's, in the journal.
        stage: Which of the program's stages to run.
        bootstrap: Kafka.
        prefix: Of every topic and of the group.
        home: Directory of the journal, the switches and the tables.
        store: Where the table lives, if there is one.
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
        """Topic that is read."""
        return f"{self.prefix}source"

    @property
    def changelog(self) -> str:
        """Changelog of the table, as Faust names it."""
        return f"{self.group}-rows-changelog"

    def switch_file(self, name: str) -> Path:
        """A file that is there or not.

        `gate` holds stages back, `fuse` breaks one, `recovery` keeps a table's open.
        """
        return Path(self.home, name)


def make_values(count: int, **special: bytes) -> list[bytes]:
    """So many plain values; `at_7=b"x"` puts another in the eighth place."""
    values = [b"plain"] * count
    for key, value in special.items():
        values[int(key.removeprefix("at_"))] = value
    return values


def add_to_row(row: bytes | None, value: bytes) -> bytes:
    """A table's row with one more value; the same when it has it already."""
    row_values = set(row.split(b",")) if row else set()
    return b",".join(sorted(row_values | {value}))


class Entry(NamedTuple):
    """One line of the journal: what happened to a record, or to a partition."""

    kind: str
    worker: str
    partition: int
    offset: int


DONE, OPENING, OPENED = "done", "opening", "opened"
HOLDING, TAKEN = "holding", "taken"


class Journal:
    """What workers did; a line written is there even after `kill -9`."""

    def __init__(self, job: Job) -> None:
        self._worker = job.name
        path = journal_path(job.home)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, kind: str, *locations: tuple[int, int]) -> None:
        """One line for each (partition, offset)."""
        lines = [
            f"{kind} {self._worker} {part} {offset}\n" for part, offset in locations
        ]
        os.write(self._file, "".join(lines).encode())


def journal_path(home: str | Path) -> Path:
    """Where the workers of one test write."""
    return Path(home, "journal")


def read_entries(home: str | Path) -> list[Entry]:
    """What was written so far, whole lines only."""
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
    """The orders on this process's command line."""
    return msgspec.json.decode(sys.argv[1], type=Job)
