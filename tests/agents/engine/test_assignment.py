"""Partitions of a group member while Kafka assigns and revokes them."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping

import pytest
from aiokafka import TopicPartition

from agents.engine.assignment import Assignment, PartitionHooks
from agents.engine.group_consumer import GroupConsumer, ReaderOptions
from agents.engine.kafka import KafkaAccess, Record
from agents.engine.partition import Partition
from tests.support.worker_fakes import record

TP = TopicPartition("in", 0)
OPTIONS = ReaderOptions(name="stage", group="g", topics=("in",))


async def _ignore_revoked(_: Iterable[TopicPartition]) -> None:
    """Take no part in revocations."""


class FakeGroupConsumer(GroupConsumer):
    """Group consumer without a connection that remembers commits and seeks."""

    def __init__(self, *, accepts_commits: bool = True) -> None:
        super().__init__(
            KafkaAccess(bootstrap="127.0.0.1:9"),
            OPTIONS,
            on_assigned=lambda _: None,
            on_revoked=_ignore_revoked,
        )
        self.commits: list[Mapping[TopicPartition, int | None]] = []
        self.seeks: list[int] = []
        self.next_offset = 0
        self._accepts_commits = accepts_commits

    def seek_back(self, records: list[Record], tp: TopicPartition) -> None:
        """Remember the offset of the first record."""
        del tp
        self.seeks.append(records[0].offset)

    async def position(self, tp: TopicPartition) -> int:
        """Return the offset that the test has set."""
        del tp
        await asyncio.sleep(0)
        return self.next_offset

    async def commit(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Remember the offsets, and accept or refuse them."""
        self.commits.append(offsets)
        await asyncio.sleep(0)
        return self._accepts_commits


async def _assigned(
    consumer: FakeGroupConsumer, hooks: PartitionHooks | None = None
) -> Assignment:
    """Return an assignment with a single recovered partition."""
    assignment = Assignment(consumer, options=OPTIONS, hooks=hooks or PartitionHooks())
    assignment.add([TP])
    await _recovered(assignment)
    return assignment


def _recovered(assignment: Assignment) -> Awaitable[None]:
    task = assignment.partitions[TP].recovery_task
    assert task is not None
    return task


async def test_records_of_an_owned_partition_are_tracked() -> None:
    """Accepted records hold the commit at the first of them."""
    assignment = await _assigned(FakeGroupConsumer())
    fetched = {TP: [record(b"", offset=5), record(b"", offset=6)]}

    groups = assignment.accept(fetched, assignment.active())

    assert groups == [(assignment.partitions[TP], fetched[TP])]
    assert assignment.partitions[TP].commit_offset == 5


async def test_records_fetched_before_a_reassignment_come_again() -> None:
    """The partition left and came back during the fetch: its state is newer."""
    consumer = FakeGroupConsumer()
    assignment = await _assigned(consumer)
    polled = assignment.active()
    await assignment.revoke([TP])
    assignment.add([TP])
    await _recovered(assignment)

    groups = assignment.accept({TP: [record(b"", offset=5)]}, polled)

    assert groups == []
    assert consumer.seeks == [5]
    assert assignment.partitions[TP].commit_offset is None


async def test_a_revocation_waits_for_work_and_commits_it() -> None:
    """The stage is informed at once, and finished records are committed last."""
    events: list[str] = []

    def on_revoked(_: object) -> None:
        events.append("revocation begins")

    hooks = PartitionHooks(
        close_partition=lambda number: events.append(f"closed {number}"),
        on_partitions_revoked=on_revoked,
    )
    consumer = FakeGroupConsumer()
    assignment = await _assigned(consumer, hooks)
    part = assignment.partitions[TP]
    part.track([5])
    part.hold()
    revoking = asyncio.create_task(assignment.revoke([TP]))
    await asyncio.sleep(0)

    assert events == ["revocation begins"]

    part.mark_done([5])
    part.release()
    await revoking

    assert consumer.commits == [{TP: 6}]
    assert events == ["revocation begins", "closed 0"]
    assert part.revoked
    assert assignment.partitions == {}


@pytest.mark.parametrize(
    ("accepts_commits", "commits"),
    [
        pytest.param(True, [{TP: 6}], id="accepted"),
        pytest.param(False, [{TP: 6}, {TP: 6}], id="refused: tried again"),
    ],
)
async def test_offsets_are_committed_until_kafka_accepts(
    *, accepts_commits: bool, commits: list[Mapping[TopicPartition, int]]
) -> None:
    """An accepted offset is not committed twice; a refused offset is."""
    consumer = FakeGroupConsumer(accepts_commits=accepts_commits)
    assignment = await _assigned(consumer)
    part: Partition = assignment.partitions[TP]
    part.track([5])
    part.mark_done([5])

    await assignment.commit()
    await assignment.commit()

    assert consumer.commits == commits


@pytest.mark.parametrize(
    ("done", "committed"),
    [
        pytest.param([5, 6], 8, id="all finished: past the marker of a transaction"),
        pytest.param([5], 6, id="a record is unfinished: not past it"),
    ],
)
async def test_a_commit_passes_offsets_without_a_record(
    done: list[int], committed: int
) -> None:
    """A commit that stopped before the marker would show a lag for good."""
    consumer = FakeGroupConsumer()
    consumer.next_offset = 8
    assignment = await _assigned(consumer)
    part: Partition = assignment.partitions[TP]
    part.track([5, 6])
    part.mark_done(done)

    await assignment.commit()

    assert consumer.commits == [{TP: committed}]
