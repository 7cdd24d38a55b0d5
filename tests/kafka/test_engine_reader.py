"""Reader on a real Kafka: shutdown, outages and compression."""

import signal
from pathlib import Path

import pytest

from tests.brokers.interface import Stoppable, await_in_sync
from tests.kafka.traps.job import HOLDING, OPENING, TAKEN, TableStore, make_values
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_sigterm_drains_commits_and_repeats_nothing(harness: WorkerHarness) -> None:
    """Records in the stage when the signal comes are finished and not repeated."""
    harness.create_topics()
    pause_file = harness.base_job.switch_file("pause")
    pause_file.touch()
    worker = harness.start("ours", "copy", max_records=20)
    harness.produce(make_values(500))
    harness.wait_until(lambda: harness.locations(HOLDING))

    worker.signal(signal.SIGTERM)
    pause_file.unlink()

    assert worker.wait_exit_code() == 0
    assert harness.committed_offsets() == [len(harness.entries())]
    assert harness.locations()

    harness.start("ours", "copy")
    harness.wait_until(lambda: harness.committed_offsets() == [500])

    assert len(harness.entries()) == 500


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(harness: WorkerHarness, codec: str) -> None:
    """Every compression that a producer may use can be read."""
    harness.create_topics()
    harness.produce(make_values(200), codec=codec)

    harness.start("ours", "copy")
    harness.wait_until(lambda: harness.committed_offsets() == [200])

    assert len(harness.entries()) == 200


def test_a_partition_is_not_read_before_its_table_is_there(
    harness: WorkerHarness,
) -> None:
    """Records wait for the recovery of the table, however long it takes."""
    harness.create_topics()
    recovery = harness.base_job.switch_file("recovery")
    recovery.touch()
    harness.produce(make_values(50))
    worker = harness.start("ours", "collect_in_table", store=TableStore.MEMORY)
    harness.wait_until(lambda: harness.locations(OPENING))
    harness.sleep(1.5)

    assert not harness.locations(TAKEN)

    recovery.unlink()
    harness.wait_until(lambda: harness.committed_offsets() == [50])

    assert worker.exit_code is None


def test_a_worker_started_before_its_broker_waits_for_it(
    own_kafka: Stoppable, own_harness: WorkerHarness
) -> None:
    """The worker and the broker may start in either order."""
    harness = own_harness
    harness.create_topics()
    harness.produce(make_values(50))
    own_kafka.stop()
    worker = harness.start("ours", "collect_in_table", store=TableStore.MEMORY)
    harness.wait_until(lambda: "kafka_unreachable" in worker.log)

    own_kafka.start()
    harness.wait_until(lambda: harness.committed_offsets() == [50])

    assert worker.exit_code is None


def test_a_broker_killed_and_back_loses_nothing(
    own_kafka: Stoppable, own_harness: WorkerHarness
) -> None:
    """The worker waits for the end of the outage and continues."""
    harness = own_harness
    harness.create_topics(partitions=2)
    worker = harness.start(
        "ours", "collect_in_table", store=TableStore.MEMORY, pause_after_poll_s=0.05
    )
    harness.produce(make_values(4_000))
    harness.wait_until(lambda: len(harness.locations()) > 200)

    own_kafka.kill()
    harness.wait_until(lambda: "failed" in worker.log or "retried" in worker.log)
    own_kafka.start()
    harness.produce(make_values(100))
    harness.wait_until(lambda: sum(harness.committed_offsets()) == 4_100)

    assert len(harness.locations()) == 4_100
    assert len(harness.changelog_rows()) == 4_000
    assert worker.exit_code is None


def test_with_one_of_three_brokers_killed_it_goes_on(
    three_brokers: Stoppable, tmp_path: Path
) -> None:
    """Leaders and the group's coordinator move, whichever broker was killed."""
    harness = WorkerHarness(three_brokers, prefix="three.", home=tmp_path)
    try:
        harness.create_topics(partitions=3)
        worker = harness.start(
            "ours", "collect_in_table", store=TableStore.MEMORY, pause_after_poll_s=0.05
        )
        harness.produce(make_values(6_000))
        harness.wait_until(lambda: len(harness.locations()) > 200)

        await_in_sync(three_brokers.bootstrap)
        three_brokers.kill(node=harness.leader(harness.base_job.source))
        harness.wait_until(lambda: sum(harness.committed_offsets()) == 6_000)

        assert len(harness.locations()) == 6_000
        assert worker.exit_code is None
    finally:
        harness.close()
