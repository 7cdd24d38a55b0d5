"""Trap L5 on our engine: no commit goes before what its records changed is durable."""

from pathlib import Path

import pytest

from agents.engine.watchdog import EXIT_SOFTWARE
from tests.brokers.face import Stoppable
from tests.kafka.traps.freeze import frozen
from tests.kafka.traps.job import TAKEN, Store, values
from tests.kafka.traps.lab import Lab

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_l5_a_changelog_that_refuses_a_row_ends_the_worker(lab: Lab) -> None:
    """Its rows are too large for the topic: nothing is committed, it exits with 70."""
    lab.lay_out(changelog={"max.message.bytes": "1"})
    lab.produce(values(50))

    code = lab.start("ours", "tabulate", store=Store.MEMORY).ended()

    assert code == EXIT_SOFTWARE
    assert lab.committed() == [0]


def test_l5_a_changelog_that_vanished_holds_the_commit_until_it_is_back(
    lab: Lab,
) -> None:
    """Deleted under the worker: nothing more is committed; recreated: all goes on."""
    lab.lay_out()
    lab.start("ours", "tabulate", store=Store.MEMORY)
    lab.produce(values(10))
    lab.until(lambda: lab.committed() == [10])

    lab.delete_changelog()
    lab.produce(values(40))
    lab.until(lambda: (0, 10) in lab.seen(TAKEN))

    assert lab.committed() == [10]

    lab.create_changelog()
    lab.until(lambda: lab.committed() == [50])

    assert len(lab.entries()) == 50


def test_l5_a_producer_stalled_for_seconds_commits_nothing_early(
    three_brokers: Stoppable, tmp_path: Path
) -> None:
    """The changelog's broker stands still, the others would take the commit.

    Killed in the middle of it, the worker has committed only what is durable.
    """
    lab = Lab(three_brokers, prefix="stall.", home=tmp_path)
    try:
        lab.lay_out()
        node = lab.move_changelog()
        worker = lab.start("ours", "tabulate", store=Store.MEMORY)
        lab.produce(values(10))
        lab.until(lambda: lab.committed() == [10])

        with frozen(three_brokers, node=node):
            lab.produce(values(5_000))
            lab.until(lambda: (0, 10) in lab.seen(TAKEN))
            lab.rest(2.0)  # twenty times what Faust's flush waits
            stalled = lab.committed()
            worker.kill()
        durable = len(lab.rows())

        assert stalled == [10]
        assert lab.committed() == [10]
        assert durable >= 10

        lab.start("ours", "tabulate", store=Store.MEMORY)
        lab.until(lambda: lab.committed() == [5_010])

        assert len(lab.rows()) == 5_000
    finally:
        lab.close()
