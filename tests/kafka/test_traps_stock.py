"""The same scenarios on stock Faust 0.15.3: each one does lose, or stand still.

A Faust that mends one turns its test red, and part of agents/engine can go.
"""

import pytest

from tests.kafka.traps.job import FATAL, HELD, HOLDING, values
from tests.kafka.traps.lab import Lab

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize(
    ("hop", "lost"),
    [
        pytest.param("copy", {20}, id="L1 one by one"),
        pytest.param("take", {18, 19, 20}, id="L2 in batches"),
    ],
)
def test_stock_faust_commits_over_what_its_agent_broke_on(
    lab: Lab, hop: str, lost: set[int]
) -> None:
    """The record, or its batch and more, is skipped for good."""
    lab.lay_out()
    lab.produce(values(45, at_20=FATAL))
    lab.base.switch("fuse").touch()

    lab.start("stock", hop)
    lab.until(lambda: lab.committed() == [45])

    assert not lost & {offset for _, offset in lab.seen()}


@pytest.mark.parametrize(
    ("before", "held"),
    [
        pytest.param(0, 0, id="L3 a group that never committed"),
        pytest.param(31, 31, id="L3 a gap of one after the commit"),
    ],
)
def test_stock_faust_commits_over_a_record_not_acknowledged(
    lab: Lab, before: int, held: int
) -> None:
    """The first record is unfinished, the later ones are done: all are committed."""
    lab.lay_out()
    lab.base.switch("gate").touch()
    lab.start("stock", "last_first")
    if before:
        lab.produce(values(before))
        lab.until(lambda: lab.committed() == [before])
    lab.produce(values(50 - before, **{f"at_{held - before}": HELD}))

    lab.until(lambda: lab.committed() == [50])

    assert lab.seen(HOLDING) == {(0, held)}
    assert (0, held) not in lab.seen()


def test_stock_faust_drops_what_it_fetched_while_paused(lab: Lab) -> None:
    """L4: after a pause with a backlog, the next record's commit goes over it all."""
    lab.lay_out()
    lab.produce(values(20_000, at_100=HELD))
    lab.start("stock", "dawdle")
    lab.until(lambda: (0, 100) in lab.seen())

    lab.produce(values(100))
    lab.until(lambda: lab.committed() == [20_100])

    assert len(lab.seen()) < 20_100


def test_stock_faust_commits_over_a_changelog_that_failed(lab: Lab) -> None:
    """L5: the changelog takes no record, and the source is committed to its end."""
    lab.lay_out(changelog={"max.message.bytes": "1"})
    lab.produce(values(50))

    lab.start("stock", "tabulate")
    lab.until(lambda: lab.committed() == [50])

    assert lab.ends(lab.base.changelog) == [0]


def test_stock_faust_never_reads_again_after_its_poll_interval(lab: Lab) -> None:
    """S1: a hop behind for longer than the interval leaves the group for good."""
    lab.lay_out()
    gate = lab.base.switch("gate")
    gate.touch()
    worker = lab.start("stock", "copy", poll_interval_s=2.0, buffer=4)
    lab.until(lambda: lab.members() == 1)
    lab.produce(values(100))
    lab.until(lambda: lab.seen(HOLDING))
    lab.until(lambda: lab.members() == 0)
    gate.unlink()
    lab.rest(3.0)

    assert worker.code is None
    assert lab.members() == 0
    assert len(lab.seen()) < 100
