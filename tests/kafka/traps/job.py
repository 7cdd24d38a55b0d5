"""What a worker program is told, and what it tells: both sides import this."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

HELD = b"held"
"""Value of the record a hop never finishes, while the gate is shut."""

FATAL = b"fatal"
"""Value of the record a hop breaks on, once: while the fuse is there."""

DAWDLE_S = 1.5
"""How long a hop falls behind: three times `Reader`'s POLL_MS."""


WITHIN_S = 40.0
"""How long a test waits for what must happen: a loaded machine of two cores."""


class Store(StrEnum):
    """Where a worker keeps its table."""

    NONE = "none"
    MEMORY = "memory"
    ROCKSDB = "rocksdb"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One worker's orders.

    Attributes:
        name: The worker's, in the journal.
        hop: Which of the program's hops to run.
        bootstrap: Kafka.
        prefix: Of every topic and of the group.
        home: Directory of the journal, the switches and the tables.
        store: Where the table lives, if there is one.
        session_s: How long a silent worker keeps its partitions.
        rebalance_s: How long a rebalance waits.
        max_records: Most records of one poll.
        poll_interval_s: Stock Faust only: `broker_max_poll_interval`.
        pace_s: Rest after each poll, or twenty events of stock Faust: a backlog lasts.
        buffer: Stock Faust only: `stream_buffer_maxsize`.
    """

    name: str
    hop: str
    bootstrap: str
    prefix: str
    home: str
    store: Store = Store.NONE
    session_s: float = 4.0
    rebalance_s: float = 10.0
    max_records: int = 200
    poll_interval_s: float = 1000.0
    pace_s: float = 0.0
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

    def switch(self, name: str) -> Path:
        """A file that is there or not.

        `gate` holds hops back, `fuse` breaks one, `recovery` keeps a table's open.
        """
        return Path(self.home, name)


def values(count: int, **special: bytes) -> list[bytes]:
    """So many plain values; `at_7=b"x"` puts another in the eighth place."""
    values = [b"plain"] * count
    for place, value in special.items():
        values[int(place.removeprefix("at_"))] = value
    return values


def gathered(row: bytes | None, value: bytes) -> bytes:
    """A table's row with one more value; the same when it has it already."""
    held = set(row.split(b",")) if row else set()
    return b",".join(sorted(held | {value}))


class Entry(NamedTuple):
    """One line of the journal: what happened to a record, or to a partition."""

    what: str
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

    def write(self, what: str, *places: tuple[int, int]) -> None:
        """One line for each (partition, offset)."""
        lines = [f"{what} {self._worker} {part} {at}\n" for part, at in places]
        os.write(self._file, "".join(lines).encode())


def journal_path(home: str | Path) -> Path:
    """Where the workers of one test write."""
    return Path(home, "journal")


def entries(home: str | Path) -> list[Entry]:
    """What was written so far, whole lines only."""
    path = journal_path(home)
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    fields = [line.split() for line in whole.splitlines()]
    return [Entry(what, who, int(part), int(at)) for what, who, part, at in fields]


def told() -> Job:
    """The orders on this process's command line."""
    return msgspec.json.decode(sys.argv[1], type=Job)
