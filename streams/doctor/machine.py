"""Checks of the machine: clock, disk, file handles, memory, data directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from streams.doctor.findings import Finding, failed, passed, skipped, warned

CLOCK_DIFFERENCE_MAX_S: Final = 5.0
"""Largest difference of clocks; the `Date` header of HTTP counts whole seconds."""

DISK_FREE_MIN_BYTES: Final = 1_000_000_000
"""Least free space for the user table; the worker's README has sizes."""

FILE_HANDLES_MIN: Final = 1_024
"""Least file handles: RocksDB opens files for each partition, Kafka a socket each."""

MEMORY_FREE_MIN_BYTES: Final = 512_000_000
"""Least available memory for a worker."""

PYTHON_MIN: Final = (3, 11)
"""Oldest Python that the package supports (`pyproject.toml`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """Facts about the machine.

    Attributes:
        python: Version of Python: major, minor.
        file_handles: Limit of open files of a process.
        memory_bytes: Available memory; None if unknown.
        disk_bytes: Free space where the data directory is; None if it is missing.
        data_error: Why the data directory cannot be written; else empty.
        stores_table: True if the table is kept in the data directory.
        clock_s: How far the clock is ahead of Klaviyo's; None if unknown.
    """

    python: tuple[int, int] = PYTHON_MIN
    file_handles: int = FILE_HANDLES_MIN
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    data_error: str = ""
    stores_table: bool = True
    clock_s: float | None = None


def check_machine(facts: MachineFacts) -> Iterator[Finding]:
    """Judge the facts about the machine."""
    yield _check_python(facts.python)
    yield _check_clock(facts.clock_s)
    yield _check_least(
        "machine.files",
        facts.file_handles,
        least=FILE_HANDLES_MIN,
        subject="file handles",
        fix=f"raise `ulimit -n` (systemd: LimitNOFILE) to {FILE_HANDLES_MIN} or more",
    )
    yield _check_least(
        "machine.memory",
        facts.memory_bytes,
        least=MEMORY_FREE_MIN_BYTES,
        subject="bytes of memory available",
        fix="give the machine more memory, or run fewer workers on it",
    )
    yield from _check_data(facts)


def _check_python(version: tuple[int, int]) -> Finding:
    text = ".".join(map(str, version))
    if version < PYTHON_MIN:
        fix = "install Python 3.11 or newer"
        return failed("machine.python", f"Python {text}", fix=fix)
    return passed("machine.python", f"Python {text}")


def _check_clock(ahead_s: float | None) -> Finding:
    if ahead_s is None:
        return skipped("machine.clock", because="no response of Klaviyo has a date")
    detail = f"{ahead_s:+.0f} s against Klaviyo's clock"
    if abs(ahead_s) > CLOCK_DIFFERENCE_MAX_S:
        fix = "synchronise this machine's clock by NTP"
        return warned("machine.clock", detail, fix=fix)
    return passed("machine.clock", detail)


def _check_data(facts: MachineFacts) -> Iterator[Finding]:
    if not facts.stores_table:
        yield skipped("machine.data_dir", because="table_store is memory")
        return
    if facts.data_error:
        fix = "let this user write to data_dir, or set data_dir to another directory"
        yield failed("machine.data_dir", facts.data_error, fix=fix)
    else:
        yield passed("machine.data_dir", "can be written")
    yield _check_least(
        "machine.disk",
        facts.disk_bytes,
        least=DISK_FREE_MIN_BYTES,
        subject="bytes of disk free",
        fix="free disk space, or set data_dir to another disk",
    )


def _check_least(
    check: str, value: int | None, *, least: int, subject: str, fix: str
) -> Finding:
    if value is None:
        return skipped(check, because="this machine does not say")
    if value < least:
        return warned(check, f"{value} {subject}, {least} needed", fix=fix)
    return passed(check, f"{value} {subject}")
