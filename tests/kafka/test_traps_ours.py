"""Each trap of stock Faust, on our engine: nothing is lost, nothing stands still."""

import signal
from collections.abc import Callable

import pytest

from agents.engine.watchdog import EXIT_SOFTWARE
from tests.kafka.traps.job import FATAL, HELD, HOLDING, OPENED, values
from tests.kafka.traps.lab import Lab

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def _all_done(lab: Lab) -> Callable[[], bool]:
    def met() -> bool:
        return lab.committed() == lab.ends()

    return met


@pytest.mark.parametrize("place", [0, 7, 44], ids=["first", "inside", "last"])
def test_l1_l2_an_error_in_the_hop_ends_the_worker_and_skips_nothing(
    lab: Lab, place: int
) -> None:
    """It exits with 70, commits nothing past the record; the next one processes it."""
    lab.lay_out()
    lab.produce(values(45, **{f"at_{place}": FATAL}))
    lab.base.switch("fuse").touch()

    code = lab.start("ours", "break_once").ended()

    assert code == EXIT_SOFTWARE
    assert lab.committed()[0] <= place
    assert (0, place) not in lab.seen()

    lab.start("ours", "break_once")
    lab.until(_all_done(lab))

    assert lab.seen() == {(0, offset) for offset in range(45)}


@pytest.mark.parametrize(
    ("before", "held"),
    [
        pytest.param(0, 0, id="a group that never committed"),
        pytest.param(31, 31, id="a gap of one after the commit"),
        pytest.param(31, 40, id="a gap in the middle"),
    ],
)
def test_l3_finishing_out_of_order_commits_over_nothing(
    lab: Lab, before: int, held: int
) -> None:
    """The unfinished record holds the commit back and comes again after `kill -9`."""
    lab.lay_out()
    worker = lab.start("ours", "last_first")
    if before:
        lab.produce(values(before))
        lab.until(lambda: lab.committed() == [before])
    lab.base.switch("gate").touch()
    lab.produce(values(50 - before, **{f"at_{held - before}": HELD}))
    others = {(0, offset) for offset in range(50)} - {(0, held)}

    lab.until(lambda: others <= lab.seen())
    lab.until(lambda: lab.committed() == [held])
    worker.kill()

    assert lab.committed() == [held]

    lab.base.switch("gate").unlink()
    lab.start("ours", "last_first")
    lab.until(_all_done(lab))

    assert (0, held) in lab.seen()


def test_l4_a_hop_that_falls_behind_for_many_polls_loses_nothing(lab: Lab) -> None:
    """Behind again and again with a backlog, it gets every record, once, in order."""
    lab.lay_out(partitions=2)
    lab.produce(values(10_000, at_1=HELD, at_4000=HELD, at_8001=HELD))

    lab.start("ours", "dawdle", max_records=500)
    lab.until(_all_done(lab))

    assert len(lab.entries(HOLDING)) == 3
    for partition in (0, 1):
        done = [e.offset for e in lab.entries() if e.partition == partition]
        assert done == list(range(5_000))


def test_s1_a_hop_held_back_keeps_its_partitions(lab: Lab) -> None:
    """Held back for longer than its session, it is not rebalanced, and goes on."""
    lab.lay_out(partitions=2)
    few = {"session_s": 3.0, "max_records": 10}  # the rest waits in front of the hop
    workers = [lab.start("ours", "copy", **few) for _ in range(2)]
    lab.until(lambda: lab.members() == 2)
    lab.until(lambda: len(_owners(lab)) == 2)
    opened = lab.entries(OPENED)
    lab.base.switch("gate").touch()
    lab.produce(values(200))

    lab.until(lambda: len(lab.seen(HOLDING)) == 2)
    lab.rest(5.0)

    assert lab.entries(OPENED) == opened
    assert not lab.seen()

    lab.base.switch("gate").unlink()
    lab.until(_all_done(lab))

    assert len(lab.entries()) == 200
    assert lab.entries(OPENED) == opened
    assert [worker.code for worker in workers] == [None, None]


def _owners(lab: Lab) -> set[str]:
    """Who opened each partition last."""
    return set({e.partition: e.worker for e in lab.entries(OPENED)}.values())


def test_s1_a_worker_frozen_beyond_its_session_ends_and_commits_nothing(
    lab: Lab,
) -> None:
    """What it had in hand is another's by then: its late commit must not count."""
    lab.lay_out()
    gate = lab.base.switch("gate")
    gate.touch()
    frozen = lab.start("ours", "copy", session_s=2.0, max_records=5)
    lab.produce(values(20))
    lab.until(lambda: lab.seen(HOLDING))
    frozen.signal(signal.SIGSTOP)
    gate.unlink()
    lab.start("ours", "copy", session_s=2.0)
    lab.until(_all_done(lab))

    frozen.signal(signal.SIGCONT)

    assert frozen.ended() == EXIT_SOFTWARE
    assert lab.committed() == [20]
    assert {e.worker for e in lab.entries()} >= {"w1"}
