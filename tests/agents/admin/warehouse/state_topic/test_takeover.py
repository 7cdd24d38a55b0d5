"""Tests of several machines with one sync: kills, stalls, and two runs at once."""

import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.agents.admin.warehouse.state_topic.machines import Machines, wait_until
from tests.brokers.interface import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROWS = 40_000
RUNS = 4

CHANGES = """
    UPDATE people SET plan = 'p{0}' WHERE id % 5 = {0};
    INSERT INTO people FROM gone;
    CREATE OR REPLACE TABLE gone AS FROM people WHERE id % 17 = {0};
    DELETE FROM people WHERE id % 17 = {0};
    INSERT INTO people SELECT 1000000 + {0} * 100 + i, 'new', 'x' FROM range(50) t(i);
"""
"""Changes between two runs: some rows vanish, and are back after the next run. No later
change touches the rows of an update, which would make up for a lost one."""


@pytest.fixture
def machines(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[Machines]:
    """Machines with a table of people."""
    with closing(
        Machines(durable_kafka, prefix=topic_prefix, home=tmp_path)
    ) as machines:
        machines.insert(ROWS)
        machines.execute("CREATE TABLE gone AS FROM people LIMIT 0")
        yield machines


def check_rows(machines: Machines) -> None:
    """Check that the row events add up to the table, for every reader of them."""
    expected = machines.table()
    for isolation in ("read_committed", "read_uncommitted"):
        rows = machines.rows(isolation=isolation)
        assert rows == expected, isolation


def test_machines_take_over_from_one_another_at_any_moment(machines: Machines) -> None:
    """Each run is on another machine than the last one, and half of them are killed.

    A machine with an old copy must read the state again, and one that finds a run half
    sent must end it: a false deletion or a forgotten row would leave other rows.
    """
    numbers = random.Random(12)  # noqa: S311 - the same delays each time
    interrupted = 0
    machines.run("a")
    for number in range(RUNS):
        machines.execute(CHANGES.format(number))
        name = "abc"[(number + 1) % 3]
        if number % 2:
            machines.run(name)
            continue
        before = machines.count_records()
        process = machines.start(name)
        machines.await_records(process, beyond=before)
        time.sleep(numbers.uniform(0, 0.05))  # the moment of the kill
        process.kill()
        process.wait()
        interrupted += machines.manifest().pending is not None
    machines.run("d")

    check_rows(machines)
    assert interrupted
    assert machines.manifest().pending is None
    assert "reading" in machines.run("a")  # a copy of an earlier manifest


def test_a_service_takes_over_from_a_stalled_holder(machines: Machines) -> None:
    """The stalled process goes on later, and can write nothing any more.

    Its deletion of a row that came back in the meantime would be a false one.
    """
    machines.run("a")
    ended_ms = machines.manifest().ended_ms
    service = machines.start("b", "serve")
    machines.execute("DELETE FROM people WHERE id % 2 = 0")
    before = machines.count_records()
    stalled = machines.start("a")
    machines.await_records(stalled, beyond=before)
    stalled.send_signal(signal.SIGSTOP)
    machines.insert(1, start=0)
    wait_until(lambda: machines.manifest().ended_ms > ended_ms)
    service.terminate()
    assert service.wait(60) == 0, machines.log_path("b").read_text()
    manifest, records = machines.manifest(), machines.count_records()

    stalled.send_signal(signal.SIGCONT)

    assert stalled.wait(60) == 1, machines.log_path("a").read_text()
    assert "has taken over" in machines.log_path("a").read_text()
    assert machines.manifest() == manifest
    assert machines.count_records() == records
    check_rows(machines)


def test_two_machines_at_once_are_refused(machines: Machines) -> None:
    """The second one names the first; it neither waits nor disturbs the first."""
    with machines.hold_lease("process 1 on elsewhere"):
        error = machines.run("a", code=1)

        assert "people is running in process 1 on elsewhere" in error
        assert machines.manifest().id == ""
    machines.run("a")
