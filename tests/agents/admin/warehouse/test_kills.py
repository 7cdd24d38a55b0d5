"""Runs over a PostgreSQL table that changes, killed by a signal at random moments."""

import contextlib
import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import orjson
import psycopg
import pytest

from streams.mapping.values import Json
from tests.agents.admin.warehouse.killed_run import ROWS, SEND_S, RunOfProcess
from tests.agents.admin.warehouse.sync_case import URL_ENV, apply_events, read_sync
from tests.support.cli_server import CliProcess, spawn_module
from tests.support.postgres import Postgres

RUNS = 10
MAX_RUN_S = 120.0 + ROWS / 1_000
POLL_S = 0.005
KILL_WITHIN_S = 1.2 + ROWS / 100_000
"""About the time of a run, in which a kill comes."""

CHANGES = (
    "UPDATE people SET plan = 'p{0}' WHERE id % 13 = {0} % 13",
    "DELETE FROM people WHERE id % 97 = {0}",
    (
        "INSERT INTO people SELECT -i, 'x{0}@example.com', NULL "
        "FROM generate_series({0} * 100 + 1, {0} * 100 + 50) i"
    ),
    (
        "INSERT INTO people SELECT i, 'p' || i || '@example.com', 'free' "
        "FROM generate_series(1, 3000) i WHERE i % 97 = {0} - 1 "
        "ON CONFLICT DO NOTHING"
    ),  # as they were before their deletion
)
"""Changes between two runs, of which the number is filled in."""


@pytest.fixture
def people(postgres: Postgres) -> Postgres:
    """A table of people."""
    postgres.execute(
        "DROP TABLE IF EXISTS people",
        "CREATE TABLE people(id BIGINT PRIMARY KEY, email TEXT, plan TEXT)",
        "INSERT INTO people SELECT i, 'p' || i || '@example.com', 'free' "
        f"FROM generate_series(1, {ROWS}) i",
    )
    return postgres


def _rows_of(people: Postgres) -> dict[str, Mapping[str, Json]]:
    with psycopg.connect(people.url) as connection:
        rows = connection.execute("SELECT id, email, plan FROM people").fetchall()
    return {str(i): {"id": i, "email": e, "plan": p} for i, e, p in rows}


def _start(encoded: bytes, log_path: Path) -> CliProcess:
    with log_path.open("ab") as log:
        return spawn_module(
            "tests.agents.admin.warehouse.killed_run",
            encoded.decode(),
            stdout=log.fileno(),
            imports=("agents.admin.warehouse.runner",),
        )


def _kill(process: CliProcess, *, after_s: float) -> None:
    """Kill a run after some time, unless it has ended before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.kill()
    process.wait()


def _await_records(process: CliProcess, path: Path, *, size: int) -> None:
    """Return once a run has sent a record, or has ended without one."""
    while process.poll() is None:
        if path.exists() and path.stat().st_size > size:
            return
        time.sleep(POLL_S)


@pytest.mark.slow
def test_killed_runs_add_up_to_the_query(
    people: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the runs are killed, half of these while they send; no row is lost.

    The records of all runs, applied in order, are the rows of the table.

    A false deletion, a lost update or a forgotten row would leave other rows.
    """
    monkeypatch.setenv(URL_ENV, people.url)
    log_path, records_path = tmp_path / "log", tmp_path / "records"
    numbers = random.Random(2026)  # noqa: S311 - the same delays each time
    case = RunOfProcess(
        data_dir=str(tmp_path / "data"),
        records_path=str(records_path),
        sync=read_sync(guards={"max_changed_share": 1, "max_deleted_share": 1}),
    )
    encoded = msgspec.json.encode(case)
    for number in range(RUNS):
        size = records_path.stat().st_size if records_path.exists() else 0
        process = _start(encoded, log_path)
        if number % 4 == 1:
            _kill(process, after_s=numbers.uniform(0, KILL_WITHIN_S))
        elif number % 4 == 3:
            _await_records(process, records_path, size=size)
            _kill(process, after_s=numbers.uniform(0, SEND_S))
        else:
            assert process.wait(MAX_RUN_S) == 0, log_path.read_text()
        people.execute(*(change.format(number) for change in CHANGES))
    assert _start(encoded, log_path).wait(MAX_RUN_S) == 0, log_path.read_text()
    lines = records_path.read_bytes().splitlines()

    rows = apply_events({}, [orjson.loads(line) for line in lines])

    assert rows == _rows_of(people)
