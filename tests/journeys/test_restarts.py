"""A worker that stops and starts again, with its table, without, and in memory."""

import pytest

from agents.demo.workload.generator import WorkloadShape, compute_expected, generate
from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import members, records

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SHAPE = WorkloadShape(events=2_000, users=100, audiences=("vip", "cart"))


@pytest.mark.parametrize(
    ("store", "second"),
    [
        pytest.param("memory", "w0", id="memory"),
        pytest.param("rocksdb", "w0", id="rocksdb-with-its-data"),
        pytest.param("rocksdb", "w1", id="rocksdb-on-a-new-disk"),
    ],
)
def test_a_restart_remembers_every_membership(
    pipeline: Pipeline, store: str, second: str
) -> None:
    """All events published once more change nothing: no edge, no event is repeated."""
    published = generate(SHAPE, seed=7)
    pipeline.run(table_store=store)
    pipeline.await_quiet(pipeline.publish(records(published)))
    before = pipeline.klaviyo.changes()
    events = pipeline.klaviyo.ask("GET", "state")["events"]
    pipeline.workers["w0"].stop()
    code = pipeline.workers["w0"].ended()

    pipeline.start(second)
    again = pipeline.publish(records(published))
    pipeline.await_quiet(again)

    ends = {
        (outcome.stage, outcome.item.reason)
        for origin in again
        for outcome in pipeline.outcomes.of[origin]
        if outcome.stage not in ("deliver.profiles", "deliver.events")
    }
    assert code == 0
    assert pipeline.klaviyo.changes() == before
    assert pipeline.klaviyo.members() == members(
        compute_expected(published, SHAPE.audiences)
    )
    assert ends == {("activate", why) for why in ("stale", "duplicate")}
    assert pipeline.klaviyo.ask("GET", "state")["events"] == events
