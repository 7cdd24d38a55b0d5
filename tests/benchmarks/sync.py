"""`python -m tests.benchmarks.sync`: the time and the memory of a sync's runs."""

import os
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import click
import duckdb

from agents.admin.warehouse.runner import SyncRunner
from agents.engine.producer import Message, SendResult, Written
from streams.destination.syncs.model import InitialRun, Sync
from streams.settings import load_settings
from tests.support.postgres import Postgres, find_programs

MILLION = 1_000_000
URL_ENV = "BENCHMARK_WAREHOUSE_URL"
COLUMNS = (
    "i AS id, 'person' || i || '@example.com' AS email, 'u' || i AS user_id, "
    "'Name' || (i % 1000) AS first_name, (i % 10000) / 100.0 AS credit, "
    "i % 2 = 0 AS subscribed, 'tier' || (i % 5) AS tier, i % 97 AS orders, "
    "TIMESTAMP '2026-01-01' + i * INTERVAL '1 second' AS seen_at"
)
CHANGES = (
    "UPDATE people SET first_name = 'x' WHERE id % 100 = 0",
    "DELETE FROM people WHERE id % 1000 = 1",
    (
        "INSERT INTO people SELECT id + 1000000000, email, user_id, first_name, "
        "credit, subscribed, tier, orders, seen_at FROM people WHERE id % 1000 = 2"
    ),
)
"""1 % updated, 0.1 % deleted and 0.1 % new, as in the measurements of the design."""


class Measured(NamedTuple):
    """Time and memory of a run.

    Attributes:
        seconds: Wall time.
        cpu_s: Time of this process on all cores.
        peak_mb: Largest resident memory.
        state_mb: Size of the state file.
        counts: Rows, and how many of them are new, updated and deleted.
    """

    seconds: float
    cpu_s: float
    peak_mb: int
    state_mb: int
    counts: str


class CountingProducer:
    """Producer that counts records, as a Kafka that costs nothing."""

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Return a result for each record."""
        return [Written(None) for _ in messages]


def measure_run(url: str, home: str, *, initial: InitialRun) -> Measured:
    """Run the sync in this process."""
    os.environ[URL_ENV] = url
    settings = load_settings(
        {"KLAVIYO_STREAMS_DATA_DIR": home}, None, for_delivery=False
    )
    sync = Sync(
        name="people",
        connection_env=URL_ENV,
        sql="SELECT * FROM people",
        key=("id",),
        email="email",
        user_id="user_id",
        model="people",
        initial=initial,
    )
    runner = SyncRunner(settings, sync, report=click.echo, producer=CountingProducer())
    started_s, cpu_s = time.monotonic(), time.process_time()
    status = runner.run()
    plan = status.plan
    assert plan is not None
    return Measured(
        seconds=time.monotonic() - started_s,
        cpu_s=time.process_time() - cpu_s,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        state_mb=(Path(home) / "syncs" / "people.duckdb").stat().st_size >> 20,
        counts=f"{plan.rows:,} rows, {plan.added:,} new, {plan.updated:,} updated, "
        f"{plan.deleted:,} deleted; {status.phase}",
    )


def _measure_runs(url: str, home: str, change: "Warehouse", *, initial: str) -> None:
    for name in ("first run", "next run"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            measured = alone.submit(
                measure_run, url, home, initial=InitialRun(initial)
            ).result()
        rate = int(measured.counts.partition(" ")[0].replace(",", ""))
        click.echo(
            f"{name}: {measured.seconds:.1f} s ({measured.cpu_s:.1f} s of CPU), "
            f"{rate / measured.seconds:,.0f} rows/s, peak {measured.peak_mb} MiB, "
            f"state {measured.state_mb} MiB; {measured.counts}"
        )
        change.execute(*CHANGES)


class Warehouse(NamedTuple):
    """Database that the benchmark reads.

    Attributes:
        url: URL of the database.
        server: The PostgreSQL; None for a DuckDB file.
    """

    url: str
    server: Postgres | None

    def execute(self, *statements: str) -> None:
        """Execute statements in the database."""
        if self.server is not None:
            self.server.execute(*statements)
            return
        with duckdb.connect(self.url.partition(":///")[2]) as warehouse:
            for statement in statements:
                warehouse.execute(statement)


@click.command()
@click.option("--rows", default=5 * MILLION, show_default=True, help="Rows to compare.")
@click.option(
    "--database",
    default="duckdb",
    show_default=True,
    type=click.Choice(["duckdb", "postgresql"]),
)
@click.option(
    "--initial",
    default=InitialRun.BASELINE.value,
    show_default=True,
    type=click.Choice([choice.value for choice in InitialRun]),
    help="Whether the first run sends its rows, to a Kafka that costs nothing.",
)
def main(*, rows: int, database: str, initial: str) -> None:
    """Print what a first run and a run with few changes take; nothing is asserted."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        if database == "duckdb":
            warehouse = Warehouse(f"duckdb:///{home}/warehouse.duckdb", None)
            warehouse.execute(
                f"CREATE TABLE people AS SELECT {COLUMNS} FROM range({rows}) n(i)"
            )
            _measure_runs(warehouse.url, home, warehouse, initial=initial)
            return
        programs = find_programs()
        if programs is None:
            raise click.ClickException("PostgreSQL is not installed")
        with closing(Postgres(programs)) as server:
            server.execute(
                f"CREATE TABLE people AS SELECT {COLUMNS} "
                f"FROM generate_series(0, {rows - 1}) i"
            )
            warehouse = Warehouse(server.url, server)
            _measure_runs(server.url, home, warehouse, initial=initial)


if __name__ == "__main__":
    main()
