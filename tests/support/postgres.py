"""A PostgreSQL of the tests' own: one a test process, run by an unprivileged user."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.brokers.ports import free_ports

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian's packages put the programs, a folder a version."""

HOW_TO_GET = "needs PostgreSQL: apt-get install postgresql (Debian, Ubuntu)"

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = '32MB'
wal_level = logical
"""
"""Nothing outlives the tests, so nothing waits for a disk."""


def find_programs() -> Path | None:
    """Return the folder with the newest programs; None if there are none."""
    versions = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


class Postgres:
    """Running PostgreSQL with an empty database.

    Attributes:
        url: URL of the database.
    """

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._home = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:  # initdb refuses root
            nobody = pwd.getpwnam("nobody")
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
            self._user = {
                "user": nobody.pw_uid,
                "group": nobody.pw_gid,
                "extra_groups": [],
            }
        self._data = self._home / "data"
        arguments = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._run("initdb", "-D", str(self._data), *arguments)
        (port,) = free_ports(1)
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{CONFIGURATION}port = {port}\n")
        log = str(self._home / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", log, "start")
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def execute(self, *statements: str) -> None:
        """Execute statements, each in a transaction of its own."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def close(self) -> None:
        """Stop it, and remove its data."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str) -> None:
        environ = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(self._home),
        }
        subprocess.run(  # noqa: S603 - our own arguments
            [self._programs / program, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._home,
            env=environ,
            **self._user,
        )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this process."""
    programs = find_programs()
    if programs is None:
        pytest.skip(HOW_TO_GET)
    with closing(Postgres(programs)) as server:
        yield server
