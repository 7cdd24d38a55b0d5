"""From a table of PostgreSQL over Kafka to the members of a list."""

import random
import time
from pathlib import Path

import psycopg
import pytest

from tests.journeys.commands import command
from tests.journeys.harness import Pipeline
from tests.support.cli_server import spawn_cli
from tests.support.postgres import Postgres

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RUNS = 4
PEOPLE = 300

FILE = """
syncs:
  vips:
    connection_env: VIP_URL
    sql: SELECT id, email FROM vips
    key: id
    email: email
    audience: vips
"""

CHANGES = (
    "INSERT INTO vips SELECT * FROM former",
    "DELETE FROM former",
    "INSERT INTO former SELECT * FROM vips WHERE id % 11 = {0}",
    "DELETE FROM vips WHERE id % 11 = {0}",
    "INSERT INTO vips VALUES (1000 + {0}, 'new{0}@example.com')",
)
"""Changes between two runs: some people leave, and those who left before are back."""


def _emails(postgres: Postgres) -> list[str]:
    with psycopg.connect(postgres.url) as connection:
        return sorted(
            email for (email,) in connection.execute("SELECT email FROM vips")
        )


def test_a_list_has_the_members_of_the_query(
    pipeline: Pipeline, postgres: Postgres, tmp_path: Path
) -> None:
    """Half of the runs are killed; the audience ends as the query says."""
    postgres.execute(
        "CREATE TABLE vips(id INTEGER PRIMARY KEY, email TEXT)",
        "CREATE TABLE former(id INTEGER, email TEXT)",
        "INSERT INTO vips SELECT i, 'p' || i || '@example.com' "
        f"FROM generate_series(1, {PEOPLE}) i",
    )
    destination = tmp_path / "vips.yaml"
    destination.write_text(FILE)
    pipeline.run(destination=destination)
    environ = {
        **pipeline.environ,
        "VIP_URL": postgres.url,
        "KLAVIYO_STREAMS_DATA_DIR": str(tmp_path / "syncs"),
    }
    delays = random.Random(7)  # noqa: S311 - the same delays each time
    for number in range(RUNS):
        if number % 2:
            with (tmp_path / "killed.log").open("ab") as log:
                process = spawn_cli(
                    "sync", "run", "vips", stdout=log.fileno(), env=environ
                )
            time.sleep(delays.uniform(0, 1))  # the moment of the kill
            process.kill()
            process.wait()
        else:
            command("sync", "run", "vips", environ=environ)
        postgres.execute(*(change.format(number) for change in CHANGES))
    command("sync", "run", "vips", environ=environ)

    expected = _emails(postgres)
    pipeline.until(
        lambda: (
            pipeline.klaviyo.named("vips")
            and pipeline.klaviyo.members_of("vips") == expected
        )
    )
