"""Runs over a PostgreSQL table that changes, killed by a signal at random moments."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import orjson
import psycopg
import pytest

from streams.mapping.values import Json
from tests.agents.admin.warehouse.killed_run import RunOfProcess
from tests.agents.admin.warehouse.sync_case import URL_ENV, apply_events, read_sync
from tests.structure.source import ROOT
from tests.support.postgres import Postgres

RUNS = 6
ROWS = int(os.environ.get("KLAVIYO_STREAMS_TEST_SYNC_ROWS", "20000"))
"""Rows of the table; 1,000,000 shows the kills of a long run."""

BEGINS = b"begins\n"
MAX_RUN_S = 120.0
KILL_WITHIN_S = 1.2
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


def _run(encoded: bytes, url: str, *, kill_after_s: float | None) -> bool:
    """Run the sync in a process; return True if it ended by itself."""
    environ = os.environ | {URL_ENV: url, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "tests.agents.admin.warehouse.killed_run", encoded],
        env=environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == BEGINS
        try:
            return process.wait(kill_after_s or MAX_RUN_S) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            return False


@pytest.mark.slow
def test_killed_runs_add_up_to_the_query(people: Postgres, tmp_path: Path) -> None:
    """Half of the runs are killed; the records of all applied in order are the rows.

    A false deletion, a lost update or a forgotten row would leave other rows.
    """
    numbers = random.Random(2026)  # noqa: S311 - the same delays each time
    records_path = tmp_path / "records"
    case = RunOfProcess(
        data_dir=str(tmp_path / "data"),
        records_path=str(records_path),
        sync=read_sync(guards={"max_changed_share": 1, "max_deleted_share": 1}),
    )
    encoded = msgspec.json.encode(case)
    for number in range(RUNS):
        kill_after_s = numbers.uniform(0, KILL_WITHIN_S) if number % 2 else None
        has_ended = _run(encoded, people.url, kill_after_s=kill_after_s)
        assert has_ended or kill_after_s is not None
        people.execute(*(change.format(number) for change in CHANGES))
    assert _run(encoded, people.url, kill_after_s=None)
    lines = records_path.read_bytes().splitlines()

    rows = apply_events({}, [orjson.loads(line) for line in lines])

    assert rows == _rows_of(people)
