"""`python -m tests.benchmarks.table`: the membership table's memory and recovery."""

import sys
import tempfile
import uuid
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import click

from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.settings import load_settings
from tests.benchmarks.backlog import publish
from tests.benchmarks.runs import PARTITIONS
from tests.benchmarks.staging import broker
from tests.benchmarks.table_recovery import Recovered, Rows, Taken, recovered

CHUNK_RECORDS = 50_000
MILLION = 1_000_000


@click.command()
@click.option(
    "--memberships",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1_000, max=20_000_000),
    help="How many the table holds.",
)
@click.option(
    "--per-user",
    default=4,
    show_default=True,
    type=click.IntRange(min=1, max=1_000),
    help="How many of them a user has; a row is a user's.",
)
def main(*, memberships: int, per_user: int) -> None:
    """Print what the membership table takes; nothing is asserted.

    The changelog is written, a record a user, as after compaction. Then a process with
    an empty table recovers it, once in memory and once in RocksDB.
    """
    rows = Rows(users=max(1, memberships // per_user), per_user=per_user)
    with broker() as bootstrap, tempfile.TemporaryDirectory(prefix="bench-") as home:
        changelog = _changelog(bootstrap)
        size_bytes = _written(bootstrap, changelog, rows)
        count = rows.users * per_user
        click.echo(
            f"{count:,} memberships of {rows.users:,} users, {per_user} each, in"
            f" {PARTITIONS} partitions: {size_bytes // count} bytes a membership, the"
            f" changelog {_megabytes(size_bytes)}\n"
        )
        for name, directory in (("memory", None), ("rocksdb", Path(home))):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                found = alone.submit(
                    recovered, bootstrap, changelog, rows, directory=directory
                ).result()
            _say(name, found, count=count)


def _changelog(bootstrap: str) -> str:
    """Make the topics of a worker; gives the name of the table's."""
    app = f"bench-{uuid.uuid4().hex[:8]}"
    env = {
        "KLAVIYO_STREAMS_APP_ID": app,
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{app}.source",
        "KLAVIYO_STREAMS_TOPIC_PARTITIONS": str(PARTITIONS),
        "KLAVIYO_STREAMS_TOPIC_PREFIX": f"{app}.",
    }
    settings = load_settings(env, None, for_delivery=False)
    ensure_topics(kafka_access(settings), settings)
    return settings.topics.memberships_changelog


def _written(bootstrap: str, changelog: str, rows: Rows) -> int:
    """Fill the changelog; gives the bytes of keys and rows."""
    size_bytes, records = 0, iter(rows)
    while chunk := list(islice(records, CHUNK_RECORDS)):
        publish(bootstrap, changelog, chunk)
        size_bytes += sum(len(one.key) + len(one.value) for one in chunk)
    return size_bytes


def _say(name: str, found: Recovered, *, count: int) -> None:
    click.echo(name)
    _say_taken("recovery", found.recovery, count=count)
    if found.again:
        _say_taken("opened again", found.again, count=count)
    _say_taken("every row read", found.read, count=count)
    _say_bytes("memory after recovery", found.resident_bytes, count=count)
    _say_bytes("memory after reading", found.read_bytes, count=count)
    if found.disk_bytes:
        _say_bytes("disk", found.disk_bytes, count=count)
    click.echo("")


def _say_taken(name: str, taken: Taken, *, count: int) -> None:
    rate = count / taken.wall_s
    click.echo(
        f"  {name:<24}{taken.wall_s:8.2f} s  {taken.cpu_s:8.2f} s CPU"
        f"  {rate:12,.0f} memberships/s"
    )


def _say_bytes(name: str, size_bytes: int, *, count: int) -> None:
    each_bytes = size_bytes / count
    click.echo(
        f"  {name:<24}{_megabytes(size_bytes):>10}  {each_bytes:8.0f} bytes each"
        f"  {_megabytes(each_bytes * MILLION):>10} a million"
    )


def _megabytes(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
