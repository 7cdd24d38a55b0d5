"""Facts about the machine that runs the command."""

import os
import resource
import shutil
import sys
from pathlib import Path

from streams.doctor.machine import MachineFacts
from streams.settings import Settings


def gather_machine_facts(settings: Settings, *, clock_s: float | None) -> MachineFacts:
    """Return the facts about this machine.

    Args:
        settings: Settings of the worker.
        clock_s: How far this clock is ahead of Klaviyo's, if known.
    """
    directory = _nearest_directory(Path(settings.data_dir).absolute())
    is_writable = os.access(directory, os.W_OK | os.X_OK)
    return MachineFacts(
        python=sys.version_info[:2],
        file_handles=_file_handles(),
        memory_bytes=_available_memory(),
        disk_bytes=shutil.disk_usage(directory).free,
        data_error="" if is_writable else f"{directory} cannot be written",
        stores_table=settings.table_store == "rocksdb",
        clock_s=clock_s,
    )


def _nearest_directory(path: Path) -> Path:
    """Return the path, or the nearest parent that is a directory."""
    return next(p for p in (path, *path.parents) if p.is_dir())


def _file_handles() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    sizes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(size) * 1024 for size in sizes), None)
