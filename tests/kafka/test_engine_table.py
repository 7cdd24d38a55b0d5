"""Table on a real Kafka: recovery and its limits."""

import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message, Producer, SendResult, Written
from agents.engine.table import CHUNK_ENTRIES, Table
from streams.errors import EngineError
from tests.brokers.interface import Broker, admin
from tests.kafka.traps.job import WAIT_TIMEOUT_S
from tests.kafka.traps.services import running
from tests.kafka.traps.worker_harness import COMPACTED

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROWS = {b"%d" % number: b"1" for number in range(100)}


@dataclass(kw_only=True)
class TableHarness:
    """Changelog, and the tables opened on it one after another."""

    broker: Broker
    changelog: str
    producer: Producer
    directory: Path | None
    merged_values: list[bytes] = field(default_factory=list)
    """Values read back from the changelog."""
    tables: list[Table] = field(default_factory=list)

    async def open_table(self) -> Table:
        """Close all earlier tables and open a new one, as a starting worker does."""
        self.close()
        self.merged_values.clear()
        table = Table(
            changelog=self.changelog,
            kafka=KafkaAccess(bootstrap=self.broker.bootstrap),
            producer=self.producer,
            merge=self._merge_newer,
            directory=self.directory,
        )
        self.tables.append(table)
        await table.open(0)
        return table

    async def append(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write to the changelog as another worker does."""
        await self.producer.send(
            [
                Message(self.changelog, key, row, partition=0)
                for key, row in rows.items()
            ]
        )

    def recreate(self) -> None:
        """Delete the changelog topic and create it again."""
        client: AdminClient = admin(self.broker.bootstrap)
        client.delete_topics([self.changelog])[self.changelog].result(30)
        deadline_s = time.monotonic() + WAIT_TIMEOUT_S
        while self.changelog in client.list_topics(timeout=60).topics:
            assert time.monotonic() < deadline_s
        self.create()

    def create(self) -> None:
        """Create the changelog topic with a small record limit."""
        config = COMPACTED | {"max.message.bytes": "5000"}
        self.broker.create_topics(self.changelog, config=config)

    def close(self) -> None:
        """Close every table opened so far."""
        for table in self.tables:
            table.close(0)

    def _merge_newer(
        self, key: bytes, current: bytes | None, recovered: bytes | None
    ) -> bytes | None:
        del key
        if recovered is None:
            return None
        self.merged_values.append(recovered)
        return max(current or b"", recovered)


@pytest_asyncio.fixture(params=["memory", "rocksdb"])
async def harness(
    request: pytest.FixtureRequest,
    durable_kafka: Broker,
    topic_prefix: str,
    tmp_path: Path,
) -> AsyncIterator[TableHarness]:
    """Return a harness for each kind of store."""
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)
    async with running(Producer(access)) as producer:
        harness = TableHarness(
            broker=durable_kafka,
            changelog=f"{topic_prefix}rows",
            producer=producer,
            directory=tmp_path if request.param == "rocksdb" else None,
        )
        harness.create()
        yield harness
        harness.close()


def _read(table: Table, keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the existing entries of partition 0 for some keys."""
    found = {key: table.get(0, key) for key in keys}
    return {key: entry for key, entry in found.items() if entry is not None}


async def test_what_was_written_is_recovered(harness: TableHarness) -> None:
    """A worker that starts has every row with its latest value."""
    table = await harness.open_table()
    await table.write({0: ROWS})
    await table.write({0: {b"7": b"2"}})

    again = await harness.open_table()

    assert _read(again, [*ROWS, b"absent"]) == ROWS | {b"7": b"2"}


class ProducerWithoutOffsets(Producer):
    """Producer that knows no offsets, as after lost acknowledgements."""

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Send the messages, but report no offsets."""
        await super().send(messages)
        return [Written(None)] * len(messages)


async def test_rows_at_unknown_offsets_are_kept_and_read_again(
    harness: TableHarness,
) -> None:
    """Such rows are durable: the worker keeps them, and so does a restart."""
    before = await harness.open_table()
    await before.write({0: ROWS})
    access = KafkaAccess(bootstrap=harness.broker.bootstrap)
    async with running(ProducerWithoutOffsets(access)) as harness.producer:
        table = await harness.open_table()
        await table.write({0: {b"7": b"2"}})
    current_rows = _read(table, [b"7"])

    again = await harness.open_table()

    assert current_rows == {b"7": b"2"}
    assert _read(again, ROWS) == ROWS | current_rows
    assert harness.merged_values == (
        [b"2"] if harness.directory else [*ROWS.values(), b"2"]
    )


async def test_a_restart_reads_only_what_its_store_lacks(harness: TableHarness) -> None:
    """Memory reads everything; RocksDB reads what was written meanwhile."""
    table = await harness.open_table()
    await table.write({0: ROWS})
    harness.close()
    await harness.append({b"7": b"2"})

    again = await harness.open_table()

    assert _read(again, ROWS) == ROWS | {b"7": b"2"}
    assert harness.merged_values == (
        [b"2"] if harness.directory else [*ROWS.values(), b"2"]
    )


@pytest.mark.parametrize("rows", [1, 250], ids=["shorter", "longer"])
async def test_a_changelog_made_anew_forgets_the_store(
    harness: TableHarness, rows: int
) -> None:
    """A store of a deleted topic is wiped, whatever the length of the new topic."""
    table = await harness.open_table()
    await table.write({0: ROWS})
    harness.close()
    harness.recreate()
    new = {b"new-%d" % number: b"1" for number in range(rows)}
    await harness.append(new)

    again = await harness.open_table()

    assert _read(again, [*ROWS, *new]) == new


async def test_a_late_stale_row_does_not_win(harness: TableHarness) -> None:
    """The merge decides about a stale row that a frozen worker wrote late."""
    table = await harness.open_table()
    await table.write({0: {b"a": b"2"}})
    await harness.append({b"a": b"1"})

    again = await harness.open_table()

    assert _read(again, [b"a"]) == {b"a": b"2"}


async def test_a_removed_entry_stays_removed(harness: TableHarness) -> None:
    """A removal is in the changelog, and a restart finds no entry."""
    table = await harness.open_table()
    await table.write({0: {b"ada\0m\0vip": b"1", b"ada\0m\0new": b"1"}})
    await table.write({0: {b"ada\0m\0vip": None}})
    entries = table.scan(0, b"ada\0m")

    again = await harness.open_table()

    assert entries == {b"new": b"1"}
    assert again.scan(0, b"ada\0m") == entries
    assert again.get(0, b"ada\0m\0vip") is None


async def test_more_entries_than_a_chunk_are_written_and_recovered(
    harness: TableHarness,
) -> None:
    """A user with more entries than one chunk loses none of them."""
    table = await harness.open_table()
    entries: dict[bytes, bytes | None] = {
        b"ada\0m\0%d" % number: b"1" for number in range(CHUNK_ENTRIES + 1)
    }
    await table.write({0: entries})

    again = await harness.open_table()

    assert len(again.scan(0, b"ada\0m")) == len(entries)


async def test_a_partition_reopened_by_the_same_worker_catches_up(
    harness: TableHarness,
) -> None:
    """A partition that came back has what the other worker wrote meanwhile."""
    table = await harness.open_table()
    await table.write({0: {b"a": b"1"}})
    table.close(0)
    await harness.append({b"a": b"2", b"b": b"1"})

    await table.open(0)

    assert _read(table, [b"a", b"b"]) == {b"a": b"2", b"b": b"1"}


async def test_a_row_too_large_for_the_changelog_is_an_error_and_not_held(
    harness: TableHarness,
) -> None:
    """The table never holds a row that its changelog lacks."""
    table = await harness.open_table()
    incompressible = Random(0).randbytes(20_000)  # noqa: S311 - noise, no secret

    with pytest.raises(EngineError, match="larger than its changelog takes"):
        await table.write({0: {b"a": incompressible}})

    assert _read(table, [b"a"]) == {}


async def test_a_partition_given_away_cannot_be_read(harness: TableHarness) -> None:
    """Reading a partition of another worker is an error."""
    table = await harness.open_table()
    table.close(0)

    with pytest.raises(KeyError):
        _read(table, [b"a"])
