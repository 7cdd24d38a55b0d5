"""Every known loss of stock Faust, provoked on our engine without a loss."""

import signal
from collections.abc import Callable

import pytest

from agents.engine.watchdog import EXIT_SOFTWARE
from tests.kafka.traps.job import FATAL, HOLDING, OPENED, UNFINISHABLE, make_values
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def _all_done(harness: WorkerHarness) -> Callable[[], bool]:
    def is_met() -> bool:
        return harness.committed_offsets() == harness.end_offsets()

    return is_met


@pytest.mark.parametrize("offset", [0, 7, 44], ids=["first", "inside", "last"])
def test_an_error_in_the_stage_ends_the_worker_and_skips_nothing(
    harness: WorkerHarness, offset: int
) -> None:
    """The worker exits with 70 and no commit; the next worker processes the record."""
    harness.create_topics()
    harness.produce(make_values(45, **{f"at_{offset}": FATAL}))
    harness.base_job.switch_file("fuse").touch()

    code = harness.start("ours", "break_once").wait_exit_code()

    assert code == EXIT_SOFTWARE
    assert harness.committed_offsets()[0] <= offset
    assert (0, offset) not in harness.locations()

    harness.start("ours", "break_once")
    harness.wait_until(_all_done(harness))

    assert harness.locations() == {(0, offset) for offset in range(45)}


@pytest.mark.parametrize(
    ("before", "unfinished_offset"),
    [
        pytest.param(0, 0, id="a group that never committed"),
        pytest.param(31, 31, id="a gap of one after the commit"),
        pytest.param(31, 40, id="a gap in the middle"),
    ],
)
def test_finishing_out_of_order_commits_over_nothing(
    harness: WorkerHarness, before: int, unfinished_offset: int
) -> None:
    """The unfinished record holds the commit back and comes again after `kill -9`."""
    harness.create_topics()
    worker = harness.start("ours", "finish_in_reverse")
    if before:
        harness.produce(make_values(before))
        harness.wait_until(lambda: harness.committed_offsets() == [before])
    harness.base_job.switch_file("pause").touch()
    harness.produce(
        make_values(50 - before, **{f"at_{unfinished_offset - before}": UNFINISHABLE})
    )
    others = {(0, offset) for offset in range(50)} - {(0, unfinished_offset)}

    harness.wait_until(lambda: others <= harness.locations())
    harness.wait_until(lambda: harness.committed_offsets() == [unfinished_offset])
    worker.kill()

    assert harness.committed_offsets() == [unfinished_offset]

    harness.base_job.switch_file("pause").unlink()
    harness.start("ours", "finish_in_reverse")
    harness.wait_until(_all_done(harness))

    assert (0, unfinished_offset) in harness.locations()


def test_a_stage_that_falls_behind_for_many_polls_loses_nothing(
    harness: WorkerHarness,
) -> None:
    """A stage that is often behind gets every record once, in order."""
    harness.create_topics(partitions=2)
    harness.produce(
        make_values(
            10_000, at_1=UNFINISHABLE, at_4000=UNFINISHABLE, at_8001=UNFINISHABLE
        )
    )

    harness.start("ours", "fall_behind", max_records=500)
    harness.wait_until(_all_done(harness))

    assert len(harness.entries(HOLDING)) == 3
    for partition in (0, 1):
        done = [e.offset for e in harness.entries() if e.partition == partition]
        assert done == list(range(5_000))


def test_a_stage_held_back_keeps_its_partitions(harness: WorkerHarness) -> None:
    """A stage held back for longer than its session is not rebalanced."""
    harness.create_topics(partitions=2)
    options = {
        "session_s": 6.0,
        "max_records": 10,
    }  # all other records wait in front of the stage
    workers = [harness.start("ours", "copy", **options) for _ in range(2)]
    harness.wait_until(lambda: harness.member_count() == 2)
    harness.wait_until(lambda: len(_owners(harness)) == 2)
    opened = harness.entries(OPENED)
    harness.base_job.switch_file("pause").touch()
    harness.produce(make_values(200))

    harness.wait_until(lambda: len(harness.locations(HOLDING)) == 2)
    harness.sleep(8.0)

    assert harness.entries(OPENED) == opened
    assert not harness.locations()

    harness.base_job.switch_file("pause").unlink()
    harness.wait_until(_all_done(harness))

    assert len(harness.entries()) == 200
    assert harness.entries(OPENED) == opened
    assert [worker.exit_code for worker in workers] == [None, None]


def _owners(harness: WorkerHarness) -> set[str]:
    """Return the last worker that opened each partition."""
    return set({e.partition: e.worker for e in harness.entries(OPENED)}.values())


def test_a_worker_frozen_beyond_its_session_ends_and_commits_nothing(
    harness: WorkerHarness,
) -> None:
    """The late commit of a worker that lost its partition must not count."""
    harness.create_topics()
    pause_file = harness.base_job.switch_file("pause")
    pause_file.touch()
    frozen = harness.start("ours", "copy", session_s=2.0, max_records=5)
    harness.produce(make_values(20))
    harness.wait_until(lambda: harness.locations(HOLDING))
    frozen.signal(signal.SIGSTOP)
    pause_file.unlink()
    harness.start("ours", "copy", session_s=2.0)
    harness.wait_until(_all_done(harness))

    frozen.signal(signal.SIGCONT)

    assert frozen.wait_exit_code() == EXIT_SOFTWARE
    assert harness.committed_offsets() == [20]
    assert {e.worker for e in harness.entries()} >= {"w1"}
