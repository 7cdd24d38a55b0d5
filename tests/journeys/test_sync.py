"""From a table of PostgreSQL over Kafka to the members of a list.

`SYNC_TEST_ROWS=1000000 pytest -s tests/journeys/test_sync.py` plays ten runs over a
table of a million rows, of which an audience has a tenth.
"""

import os
import random
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.brokers.interface import shortest_session_s
from tests.journeys.commands import command
from tests.journeys.conftest import Say
from tests.journeys.harness import WITHIN_S, Pipeline
from tests.support.cli_server import spawn_cli
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

FEW_ROWS = 3_000
ROWS = int(os.environ.get("SYNC_TEST_ROWS", FEW_ROWS))
RUNS = 4 if ROWS == FEW_ROWS else 10
SESSION_S = 2.0
"""A machine that was killed is waited for so long, if the broker allows it."""

MEMBER_WITHIN_S = 0.01
"""Longest time for a member of the list, on a loaded machine of two cores."""

FILE = """
syncs:
  customers:
    connection_env: SHOP_URL
    sql: SELECT id, email, spent FROM customers
    key: id
    initial: baseline
    state: topic
  vips:
    connection_env: SHOP_URL
    sql: SELECT id, email FROM customers WHERE spent >= 900
    key: id
    email: email
    audience: vips
    state: topic
"""

TABLE = (
    "CREATE TABLE customers(id INTEGER PRIMARY KEY, email TEXT, spent INTEGER)",
    (
        "INSERT INTO customers SELECT i, 'p' || i || '@example.com', i % 1000 "
        f"FROM generate_series(1, {ROWS}) i"
    ),
)

CHANGES = (
    "UPDATE customers SET spent = spent + 1000 WHERE spent < 0",  # as they were before
    "UPDATE customers SET spent = spent - 1000 WHERE spent >= 900 AND id % 11 = {0}",
    "DELETE FROM customers WHERE spent >= 900 AND id % 1001 = {0}",
    (
        "INSERT INTO customers "
        "SELECT {0} * 10000000 + i, 'new{0}-' || i || '@example.com', 950 "
        "FROM generate_series(1, (SELECT count(*) FROM customers) / 1000) i"
    ),
)
"""Changes between two runs: people leave the audience, come back, vanish, are new."""


def _vips(postgres: Postgres) -> list[str]:
    with psycopg.connect(postgres.url) as connection:
        return sorted(
            email
            for (email,) in connection.execute(
                "SELECT email FROM customers WHERE spent >= 900"
            )
        )


def _kill_a_run(environ: Mapping[str, str], log_path: Path, *, after_s: float) -> None:
    """Start a run, and kill it after some time."""
    with log_path.open("ab") as log:
        process = spawn_cli("sync", "run", stdout=log.fileno(), env=environ)
    with suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    process.kill()
    process.wait()


def test_a_list_has_the_members_of_the_query(
    pipeline: Pipeline, postgres: Postgres, tmp_path: Path, say: Say
) -> None:
    """Half of the runs are killed, and each one is on another machine than the last.

    After each run that was not killed the list has the members of the query.
    """
    postgres.execute("DROP TABLE IF EXISTS customers", *TABLE)
    destination = tmp_path / "vips.yaml"
    destination.write_text(FILE)
    pipeline.run(destination=destination)
    session_s = max(SESSION_S, shortest_session_s(pipeline.broker.bootstrap))
    environ = {
        **pipeline.environ,
        "SHOP_URL": postgres.url,
        "KLAVIYO_STREAMS_SESSION_TIMEOUT_S": str(session_s),
    }
    delays = random.Random(7)  # noqa: S311 - the same delays each time
    run_s = 0.0
    for number in range(RUNS + 1):
        environ["KLAVIYO_STREAMS_DATA_DIR"] = str(tmp_path / f"machine{number % 3}")
        began_s = time.monotonic()
        if number % 2:
            delay_s = delays.uniform(0, run_s)
            _kill_a_run(environ, tmp_path / "killed.log", after_s=delay_s)
            say(f"run {number}: killed after {delay_s:.1f} s")
        else:
            command("sync", "run", environ=environ)
            run_s = time.monotonic() - began_s
            expected = _vips(postgres)
            _await_members(pipeline, expected)
            listed_s = time.monotonic() - began_s
            say(
                f"run {number}: {run_s:.1f} s, {len(expected):,} members equal the "
                f"query after {listed_s:.1f} s"
            )
        postgres.execute(*(change.format(number + 1) for change in CHANGES))


def _await_members(pipeline: Pipeline, expected: list[str]) -> None:
    """Return once every stage has done its work, and the list has these members."""
    klaviyo = pipeline.klaviyo
    pipeline.until(
        lambda: (
            not pipeline.lagging
            and klaviyo.named("vips")
            and klaviyo.members_of("vips") == expected
        ),
        within_s=WITHIN_S + len(expected) * MEMBER_WITHIN_S,
    )
