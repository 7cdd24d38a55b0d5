"""The same scenarios on stock Faust 0.15.3: each loses records or stands still.

A Faust that mends one turns its test red, and part of agents/engine can go.
"""

import pytest

from tests.kafka.traps.job import FATAL, HOLDING, UNFINISHABLE, make_values
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize(
    ("stage", "lost"),
    [
        pytest.param("copy", {20}, id="one by one"),
        pytest.param("copy_batches", {18, 19, 20}, id="in batches"),
    ],
)
def test_stock_faust_commits_over_what_its_agent_broke_on(
    harness: WorkerHarness, stage: str, lost: set[int]
) -> None:
    """The record, or its batch and more, is skipped for good."""
    harness.create_topics()
    harness.produce(make_values(45, at_20=FATAL))
    harness.base_job.switch_file("fuse").touch()

    harness.start("stock", stage)
    harness.wait_until(lambda: harness.committed_offsets() == [45])

    assert not lost & {offset for _, offset in harness.locations()}


@pytest.mark.parametrize(
    ("before", "unfinished_offset"),
    [
        pytest.param(0, 0, id="a group that never committed"),
        pytest.param(31, 31, id="a gap of one after the commit"),
    ],
)
def test_stock_faust_commits_over_a_record_not_acknowledged(
    harness: WorkerHarness, before: int, unfinished_offset: int
) -> None:
    """The first record is unfinished, the later ones are done: all are committed."""
    harness.create_topics()
    harness.base_job.switch_file("pause").touch()
    harness.start("stock", "finish_in_reverse")
    if before:
        harness.produce(make_values(before))
        harness.wait_until(lambda: harness.committed_offsets() == [before])
    harness.produce(
        make_values(50 - before, **{f"at_{unfinished_offset - before}": UNFINISHABLE})
    )

    harness.wait_until(lambda: harness.committed_offsets() == [50])

    assert harness.locations(HOLDING) == {(0, unfinished_offset)}
    assert (0, unfinished_offset) not in harness.locations()


def test_stock_faust_drops_what_it_fetched_while_paused(harness: WorkerHarness) -> None:
    """After a pause, the next record's commit passes a backlog that was dropped."""
    harness.create_topics()
    harness.produce(make_values(20_000, at_100=UNFINISHABLE))
    harness.start("stock", "fall_behind")
    harness.wait_until(lambda: (0, 100) in harness.locations())

    harness.produce(make_values(100))
    harness.wait_until(lambda: harness.committed_offsets() == [20_100])

    assert len(harness.locations()) < 20_100


def test_stock_faust_commits_over_a_changelog_that_failed(
    harness: WorkerHarness,
) -> None:
    """The changelog takes no record, and the source is committed to its end."""
    harness.create_topics(changelog={"max.message.bytes": "1"})
    harness.produce(make_values(50))

    harness.start("stock", "collect_in_table")
    harness.wait_until(lambda: harness.committed_offsets() == [50])

    assert harness.end_offsets(harness.base_job.changelog) == [0]


def test_stock_faust_never_reads_again_after_its_poll_interval(
    harness: WorkerHarness,
) -> None:
    """A stage that is behind for longer than the interval leaves the group for good."""
    harness.create_topics()
    pause_file = harness.base_job.switch_file("pause")
    pause_file.touch()
    worker = harness.start("stock", "copy", poll_interval_s=2.0, buffer=4)
    harness.wait_until(lambda: harness.member_count() == 1)
    harness.produce(make_values(100))
    harness.wait_until(lambda: harness.locations(HOLDING))
    harness.wait_until(lambda: harness.member_count() == 0)
    pause_file.unlink()
    harness.sleep(3.0)

    assert worker.exit_code is None
    assert harness.member_count() == 0
    assert len(harness.locations()) < 100
