"""The reader on a real Kafka: shutdown, outages, and what it can read."""

import signal
from pathlib import Path

import pytest

from tests.brokers.face import Stoppable, await_in_sync
from tests.kafka.traps.job import HOLDING, OPENING, TAKEN, Store, values
from tests.kafka.traps.lab import Lab

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_sigterm_drains_commits_and_repeats_nothing(lab: Lab) -> None:
    """What is in the hop when the signal comes is finished, committed, not repeated."""
    lab.lay_out()
    gate = lab.base.switch("gate")
    gate.touch()
    worker = lab.start("ours", "copy", max_records=20)
    lab.produce(values(500))
    lab.until(lambda: lab.seen(HOLDING))

    worker.signal(signal.SIGTERM)
    gate.unlink()

    assert worker.ended() == 0
    assert lab.committed() == [len(lab.entries())]
    assert lab.seen()

    lab.start("ours", "copy")
    lab.until(lambda: lab.committed() == [500])

    assert len(lab.entries()) == 500


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(lab: Lab, codec: str) -> None:
    """Whatever the producers of the source topic compress with."""
    lab.lay_out()
    lab.produce(values(200), codec=codec)

    lab.start("ours", "copy")
    lab.until(lambda: lab.committed() == [200])

    assert len(lab.entries()) == 200


def test_a_partition_is_not_read_before_its_table_is_there(lab: Lab) -> None:
    """However long the recovery takes, its records wait for it."""
    lab.lay_out()
    recovery = lab.base.switch("recovery")
    recovery.touch()
    lab.produce(values(50))
    worker = lab.start("ours", "tabulate", store=Store.MEMORY)
    lab.until(lambda: lab.seen(OPENING))
    lab.rest(1.5)

    assert not lab.seen(TAKEN)

    recovery.unlink()
    lab.until(lambda: lab.committed() == [50])

    assert worker.code is None


def test_a_worker_started_before_its_broker_waits_for_it(
    own_kafka: Stoppable, own_lab: Lab
) -> None:
    """Whoever comes first: the journey begins when both are there."""
    lab = own_lab
    lab.lay_out()
    lab.produce(values(50))
    own_kafka.stop()
    worker = lab.start("ours", "tabulate", store=Store.MEMORY)
    lab.until(lambda: "kafka_unreachable" in worker.log)

    own_kafka.start()
    lab.until(lambda: lab.committed() == [50])

    assert worker.code is None


def test_a_broker_killed_and_back_loses_nothing(
    own_kafka: Stoppable, own_lab: Lab
) -> None:
    """The worker waits out the outage and goes on by itself."""
    lab = own_lab
    lab.lay_out(partitions=2)
    worker = lab.start("ours", "tabulate", store=Store.MEMORY, pace_s=0.05)
    lab.produce(values(4_000))
    lab.until(lambda: len(lab.seen()) > 200)

    own_kafka.kill()
    lab.until(lambda: "failed" in worker.log or "retried" in worker.log)
    own_kafka.start()
    lab.produce(values(100))
    lab.until(lambda: sum(lab.committed()) == 4_100)

    assert len(lab.seen()) == 4_100
    assert len(lab.rows()) == 4_000
    assert worker.code is None


def test_with_one_of_three_brokers_killed_it_goes_on(
    three_brokers: Stoppable, tmp_path: Path
) -> None:
    """Leaders and the group's coordinator move, whichever the broker was."""
    lab = Lab(three_brokers, prefix="three.", home=tmp_path)
    try:
        lab.lay_out(partitions=3)
        worker = lab.start("ours", "tabulate", store=Store.MEMORY, pace_s=0.05)
        lab.produce(values(6_000))
        lab.until(lambda: len(lab.seen()) > 200)

        await_in_sync(three_brokers.bootstrap)
        three_brokers.kill(node=lab.leader(lab.base.source))
        lab.until(lambda: sum(lab.committed()) == 6_000)

        assert len(lab.seen()) == 6_000
        assert worker.code is None
    finally:
        lab.close()
