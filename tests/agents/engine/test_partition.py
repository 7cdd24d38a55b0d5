"""Life of one partition, and the offset up to which it may be committed."""

import asyncio

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

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


def test_nothing_delivered_has_no_commit_offset(part: Partition) -> None:
    """A partition without records is never committed."""
    assert part.commit_offset is None


def test_the_first_unfinished_offset_is_the_commit_offset(part: Partition) -> None:
    """Finishing out of order does not move the commit past an unfinished record."""
    part.track([5, 6, 7])

    part.mark_done([6, 7])

    assert part.commit_offset == 5


def test_a_single_record_head_gap_holds_the_commit_back(part: Partition) -> None:
    """A gap of exactly one record, which Faust ignores, holds the commit back."""
    part.track([31, 32])

    part.mark_done([32])

    assert part.commit_offset == 31


def test_all_done_commits_past_the_last(part: Partition) -> None:
    """With every record finished the commit is one past the last delivered."""
    part.track([5, 9])

    part.mark_done([9])
    part.mark_done([5])

    assert part.commit_offset == 10


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=50).flatmap(
        lambda gaps: st.tuples(st.just(gaps), st.permutations(range(len(gaps))))
    )
)
def test_the_commit_offset_never_passes_an_unfinished_offset(
    case: tuple[list[int], list[int]],
) -> None:
    """For any gaps and any order of finishing, only finished offsets are passed."""
    gaps, order = case
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    part = Partition(TopicPartition("t", 0))
    part.track(offsets)
    still_open = set(offsets)

    for index in order:
        part.mark_done([offsets[index]])
        still_open.discard(offsets[index])

        assert part.commit_offset == min(still_open, default=offsets[-1] + 1)
