"""Stage 3's events lane: each event once, under a metric that may be there."""

import asyncio

import pytest
import structlog

from agents.lanes.events import METRICS_FRESH_S, METRICS_RETRY_S
from streams.actions.intents import EventRecord
from streams.sandbox.account.faults import Fault, FaultKind
from streams.settings.model import LaneId
from tests.streams.klaviyo.accounts import recorded_events
from tests.streams.klaviyo.fakes import START_S
from tests.streams.klaviyo.profile_builders import request_count
from tests.support.lane_sandbox import (
    LaneSandboxHarness,
    lane_record,
    now_s,
    run_scenario,
    verdict_reasons,
)

STRICT = {"settings": {"unknown_metric": "dead-letter"}}
VIEWS = {"name": "Views", "action": "trackEvent", "fields": {"metric_name": "Viewed"}}
AGAIN = {"name": "Again", "action": "trackEvent", "fields": {"metric_name": "Viewed"}}
BUYS = {"name": "Buys", "action": "trackEvent", "fields": {"metric_name": "Bought"}}


def _event(metric: str, *, unique_id: str = "", time: str = "") -> EventRecord:
    return EventRecord(
        metric=metric,
        profile={"external_id": "u"},
        properties={},
        unique_id=unique_id or metric,
        time=time,
    )


@pytest.mark.parametrize(
    ("destination", "ends", "asked"),
    [
        pytest.param(
            STRICT,
            [("delivered", ""), ("dead-letter", "unknown-metric")],
            1,
            id="others-are-dead-letters",
        ),
        pytest.param(
            None, [("delivered", ""), ("delivered", "")], 0, id="others-are-allowed"
        ),
    ],
)
def test_an_event_of_a_metric_that_is_not_there(
    destination: object, ends: list[tuple[str, str]], asked: int
) -> None:
    """As the file says; which there are is asked for only where it matters."""

    async def scenario(
        harness: LaneSandboxHarness,
    ) -> tuple[list[tuple[str, str]], int]:
        found = await harness.send(_event("Viewed"), _event("Veiwed"))
        return verdict_reasons(found), request_count(harness.klaviyo, "GET", "/metrics")

    options = {"destination": destination}
    seen = run_scenario(LaneId.EVENTS, scenario, options=options, metrics=("Viewed",))

    assert seen == (ends, asked)


def test_a_list_of_metrics_is_believed_for_a_while() -> None:
    """A metric that is made meanwhile is known when it is asked for again."""

    async def scenario(harness: LaneSandboxHarness) -> list[tuple[str, int]]:
        seen = []
        for pause_s in (0.0, METRICS_FRESH_S - 10, 20.0):
            await asyncio.sleep(pause_s)
            [end] = await harness.send(_event("New"))
            seen.append(
                (end.verdict.value, request_count(harness.klaviyo, "GET", "/metrics"))
            )
            harness.klaviyo.account.events.get_or_create_metric("New", now_s=START_S)
        return seen

    seen = run_scenario(LaneId.EVENTS, scenario, options={"destination": STRICT})

    assert seen == [("dead-letter", 1), ("dead-letter", 1), ("delivered", 2)]


def test_batches_that_come_together_ask_once() -> None:
    """The second waits for the answer to the first."""

    async def scenario(harness: LaneSandboxHarness) -> int:
        await asyncio.gather(*(harness.send(_event(name)) for name in ("a", "b")))
        return request_count(harness.klaviyo, "GET", "/metrics")

    assert run_scenario(LaneId.EVENTS, scenario, options={"destination": STRICT}) == 1


def test_a_refusal_to_list_metrics_is_said_and_asked_again() -> None:
    """The events wait: nobody knows whether they may be sent."""

    async def scenario(
        harness: LaneSandboxHarness,
    ) -> tuple[float, list[tuple[str, str]]]:
        refusal = Fault(
            kind=FaultKind.SERVER_ERROR, path="/api/metrics", status=404, count=1
        )
        harness.klaviyo.add_fault(refusal)
        began_s = now_s()
        found = await harness.send(_event("Viewed"))
        return now_s() - began_s, verdict_reasons(found)

    with structlog.testing.capture_logs() as lines:
        options = {"destination": STRICT}
        waited_s, ends = run_scenario(
            LaneId.EVENTS, scenario, options=options, metrics=("Viewed",)
        )

    assert waited_s == pytest.approx(METRICS_RETRY_S, abs=1)
    assert ends == [("delivered", "")]
    assert [line["event"] for line in lines] == ["metrics_not_listed"]


@pytest.mark.parametrize("policy", ["allow", "dead-letter"])
def test_metrics_that_mappings_name_and_klaviyo_has_not_are_said_once(
    policy: str,
) -> None:
    """The warning comes when the lane begins, whatever the number of its partitions."""
    destination = {
        "settings": {"unknown_metric": policy},
        "mappings": [VIEWS, BUYS, AGAIN],
    }

    async def scenario(harness: LaneSandboxHarness) -> None:
        for partition in range(3):
            await harness.service.on_partition_assigned(partition)
        await asyncio.sleep(5)

    with structlog.testing.capture_logs() as lines:
        options = {"destination": destination}
        run_scenario(
            LaneId.EVENTS, scenario, options=options, metrics=("View", "Bought")
        )

    assert lines == [
        {
            "event": "metric_unknown",
            "log_level": "warning",
            "metric": "Viewed",
            "mappings": ("Views", "Again"),
            "nearest": "View",
            "policy": policy,
        }
    ]


def test_mappings_that_name_no_metric_are_not_looked_into() -> None:
    """Metrics that events name themselves are unknown before an event comes."""

    async def scenario(harness: LaneSandboxHarness) -> int:
        await harness.service.on_partition_assigned(0)
        await asyncio.sleep(5)
        return request_count(harness.klaviyo)

    [usual] = [{"name": "All", "action": "trackEvent"}]
    assert run_scenario(LaneId.EVENTS, scenario, options={"destination": [usual]}) == 0


def test_an_event_told_twice_is_recorded_once() -> None:
    """By another record of the lane; a repeat never fails its neighbours."""

    async def scenario(
        harness: LaneSandboxHarness,
    ) -> list[tuple[str | None, str, str]]:
        async with harness.service:
            await harness.enqueue(
                lane_record(0, _event("Viewed", unique_id="1")),
                lane_record(1, _event("Viewed", unique_id="1")),
                lane_record(2, _event("Viewed", unique_id="2")),
            )
            await asyncio.sleep(5)
        ends.extend(harness.outcomes())
        return recorded_events(harness.klaviyo)

    ends: list[tuple[int, str, str]] = []

    found = run_scenario(LaneId.EVENTS, scenario)

    assert found == [("u", "Viewed", "1"), ("u", "Viewed", "2")]
    assert sorted(offset for offset, *_ in ends) == [0, 1, 2]
    assert {end for _, end, _ in ends} <= {"delivered", "discarded"}


def test_an_event_of_the_far_future_is_a_dead_letter() -> None:
    """The event is not sent: Klaviyo would reject the whole request with it."""

    async def scenario(harness: LaneSandboxHarness) -> tuple[list[str], int]:
        found = await harness.send(_event("Viewed", time="2099-01-01T00:00:00Z"))
        return [one.verdict.value for one in found], request_count(harness.klaviyo)

    assert run_scenario(LaneId.EVENTS, scenario) == (["dead-letter"], 0)
