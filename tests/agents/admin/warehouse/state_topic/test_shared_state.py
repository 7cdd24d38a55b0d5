"""Tests of a state in Kafka: what other machines read, and what they refuse."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigError
from streams.warehouse import manifest
from tests.agents.admin.warehouse.state_topic.machines import Machines
from tests.brokers.interface import Broker

pytestmark = [pytest.mark.kafka]


@pytest.fixture
def machines(
    durable_kafka: Broker,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Machines]:
    """Machines with a table of a hundred people."""
    with closing(
        Machines(durable_kafka, prefix=topic_prefix, home=tmp_path)
    ) as machines:
        monkeypatch.setenv("PEOPLE_URL", machines.url)
        machines.insert(100)
        yield machines


def test_a_state_of_a_file_moves_to_kafka_and_to_another_machine(
    machines: Machines,
) -> None:
    """Every row is known there: nothing but a deletion is sent."""
    machines.runner("a", state="file").run()

    assert machines.runner("a").run().sent == 0
    machines.execute("DELETE FROM people WHERE id = 7")
    status = machines.runner("b").run()

    assert status.plan is not None
    assert (status.plan.previous_rows, status.plan.deleted, status.sent) == (100, 1, 1)
    assert machines.runner("a").run().sent == 0


def test_rows_of_many_runs_are_written_anew(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunks of before are forgotten, and another machine reads the same rows."""
    monkeypatch.setattr(manifest, "MAX_SEGMENTS", 2)
    for number in range(4):
        machines.insert(1, start=1_000 + number)
        machines.runner("a").run()

    assert len(machines.chunk_keys()) == len(machines.manifest().segments) < 3
    assert machines.runner("b").run().sent == 0


def test_chunks_of_an_interrupted_writing_are_forgotten(machines: Machines) -> None:
    """The next holder ignores them, and writes tombstones."""
    machines.runner("a").run()
    machines.write_chunk("people/9/0", b"left over")

    assert machines.runner("b").run().sent == 0

    assert b"people/9/0" not in machines.chunk_keys()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"chunks": 2}, "chunk 1 of segment 0 is missing", id="missing"),
        pytest.param({"checksum": "0"}, "segment 0 has another", id="changed"),
    ],
)
def test_a_damaged_state_is_refused_until_it_is_reset(
    machines: Machines, fields: dict[str, Any], problem: str
) -> None:
    """No row is taken for a deleted one because its chunk is gone."""
    machines.runner("a").run()
    machines.damage(**fields)

    with pytest.raises(ConfigError, match=problem):
        machines.runner("b").run()

    machines.runner("b").reset(plan_only=False)
    assert machines.runner("b").run().sent == 100
    assert machines.runner("a").run().sent == 0


def test_a_plan_of_an_older_state_cannot_be_approved(machines: Machines) -> None:
    """Another machine has run the sync since: the plan compares with an old state."""
    guards = {"max_deleted_rows": 0, "max_deleted_share": 0}
    machines.runner("a").run()
    machines.execute("DELETE FROM people WHERE id < 60")
    assert machines.runner("a", guards=guards).run().phase == "paused"
    machines.runner("b").run()

    with pytest.raises(ConfigError, match="has no paused run"):
        machines.runner("a", guards=guards).approve()


def test_a_kafka_without_the_state_is_not_taken_for_a_first_run(
    machines: Machines,
) -> None:
    """A wrong prefix must not send every row as new."""
    machines.runner("a").run()

    with pytest.raises(ConfigError, match=r"has no state of this sync"):
        machines.runner("a", prefix="elsewhere.").run()


def test_a_baseline_is_known_to_other_machines(machines: Machines) -> None:
    """A machine without a file sends nothing of it either."""
    assert machines.runner("a", initial="baseline").run().sent == 0
    assert machines.runner("b", initial="baseline").run().sent == 0
