"""Life of one partition from assignment to revocation."""

import asyncio

import pytest
from aiokafka import TopicPartition

from agents.engine.partition import Partition


@pytest.fixture
def part() -> Partition:
    """Return a partition that was just assigned."""
    return Partition(TopicPartition("t", 0))


@pytest.mark.parametrize(
    ("ready", "closing", "live"),
    [
        pytest.param(False, False, False, id="its state is not there yet"),
        pytest.param(True, False, True, id="ready"),
        pytest.param(True, True, False, id="about to be revoked"),
        pytest.param(False, True, False, id="revoked before it was ready"),
    ],
)
def test_work_begins_only_on_a_partition_that_is_ready_and_stays(
    part: Partition, ready: bool, closing: bool, live: bool
) -> None:
    """Work starts neither before the recovery nor after a revocation began."""
    part.ready, part.revoking = ready, closing

    assert part.is_active is live


def test_progress_that_kafka_does_not_know_is_owed(part: Partition) -> None:
    """Only finished and not yet committed records count as uncommitted."""
    owed = [part.has_uncommitted]
    part.track([3, 4])
    part.mark_done([3])
    owed.append(part.has_uncommitted)
    part.committed_offset = part.commit_offset
    owed.append(part.has_uncommitted)

    assert owed == [False, True, False]
    assert part.commit_offset == 4
    assert part.unfinished_count == 1


def test_what_is_finished_after_the_partition_is_gone_is_ignored(
    part: Partition,
) -> None:
    """Another worker owns the partition by then, and tracks its own offsets."""
    part.track([3, 4])
    part.revoked = True

    part.mark_done([3, 4])

    assert part.commit_offset == 3


async def test_it_is_idle_when_every_hold_was_released(part: Partition) -> None:
    """A rebalance waits for all work in progress, not only for the first to end."""
    part.hold()
    part.hold()
    waiting = asyncio.create_task(part.wait_idle())
    part.release()
    await asyncio.sleep(0)

    assert not waiting.done()

    part.release()
    await waiting


async def test_one_never_worked_on_is_idle(part: Partition) -> None:
    """A partition without work is idle at once."""
    await part.wait_idle()
