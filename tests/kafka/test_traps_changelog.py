"""Changelog failures on our engine: no commit precedes durable rows."""

from pathlib import Path

import pytest

from agents.engine.watchdog import EXIT_SOFTWARE
from tests.brokers.interface import Stoppable
from tests.kafka.traps.freeze import frozen
from tests.kafka.traps.job import TAKEN, TableStore, make_values
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_a_changelog_that_refuses_a_row_ends_the_worker(
    harness: WorkerHarness,
) -> None:
    """The rows are too large for the topic: no commit, and exit code 70."""
    harness.create_topics(changelog={"max.message.bytes": "1"})
    harness.produce(make_values(50))

    code = harness.start(
        "ours", "collect_in_table", store=TableStore.MEMORY
    ).wait_exit_code()

    assert code == EXIT_SOFTWARE
    assert harness.committed_offsets() == [0]


def test_a_changelog_that_vanished_holds_the_commit_until_it_is_back(
    harness: WorkerHarness,
) -> None:
    """A deleted changelog stops all commits; a new one lets them continue."""
    harness.create_topics()
    harness.start("ours", "collect_in_table", store=TableStore.MEMORY)
    harness.produce(make_values(10))
    harness.wait_until(lambda: harness.committed_offsets() == [10])

    harness.delete_changelog()
    harness.produce(make_values(40))
    harness.wait_until(lambda: (0, 10) in harness.locations(TAKEN))

    assert harness.committed_offsets() == [10]

    harness.create_changelog()
    harness.wait_until(lambda: harness.committed_offsets() == [50])

    assert len(harness.entries()) == 50


def test_a_producer_stalled_for_seconds_commits_nothing_early(
    three_brokers: Stoppable, tmp_path: Path
) -> None:
    """A changelog broker stands still while the other brokers would take the commit.

    Killed in the middle of it, the worker has committed only what is durable.
    """
    harness = WorkerHarness(three_brokers, prefix="stall.", home=tmp_path)
    try:
        harness.create_topics()
        node = harness.move_changelog()
        worker = harness.start("ours", "collect_in_table", store=TableStore.MEMORY)
        harness.produce(make_values(10))
        harness.wait_until(lambda: harness.committed_offsets() == [10])

        with frozen(three_brokers, node=node):
            harness.produce(make_values(5_000))
            harness.wait_until(lambda: (0, 10) in harness.locations(TAKEN))
            harness.sleep(2.0)  # twenty times what Faust's flush waits
            stalled = harness.committed_offsets()
            worker.kill()
        durable = len(harness.changelog_rows())

        assert stalled == [10]
        assert harness.committed_offsets() == [10]
        assert durable >= 10

        harness.start("ours", "collect_in_table", store=TableStore.MEMORY)
        harness.wait_until(lambda: harness.committed_offsets() == [5_010])

        assert len(harness.changelog_rows()) == 5_000
    finally:
        harness.close()
