"""Lock of a sync on this machine, and the file that tells of its last step."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from streams.errors import ConfigError
from streams.warehouse.plan import SyncPlan


class SyncStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Last step of a sync, for `sync status` while a run holds the state.

    Attributes:
        sync: Name of the sync.
        phase: Step that a run has reached: `reading`, or a phase of the state.
        generation: Number of runs that have ended.
        updated_ms: Time of the step, milliseconds since the epoch.
        rows_read: Rows that the run has read.
        sent: Row events that Kafka has acknowledged.
        plan: Numbers of the run.
        problems: Reasons for which the run is paused.
        error: Error that ended the last run; empty if it ended well.
    """

    sync: str
    phase: str = "idle"
    generation: int = 0
    updated_ms: int = 0
    rows_read: int = 0
    sent: int = 0
    plan: SyncPlan | None = None
    problems: list[str] = []
    error: str = ""


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a sync; the kernel releases it when the process ends.

    Raises:
        ConfigError: Another process of this machine holds it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            problem = f"is running in {holder}; two runs at once are refused"
            raise ConfigError([f"sync: {path.stem} {problem}"]) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def write_status(path: Path, status: SyncStatus) -> None:
    """Replace the status in a single step: a reader sees the old or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new_path = path.with_name(f"{path.name}.new")
    new_path.write_bytes(msgspec.json.encode(status))
    new_path.replace(path)


def read_status(path: Path, *, sync: str) -> SyncStatus:
    """Return the last status of a sync; an idle one if it never ran."""
    if not path.exists():
        return SyncStatus(sync=sync)
    return msgspec.json.decode(path.read_bytes(), type=SyncStatus)
