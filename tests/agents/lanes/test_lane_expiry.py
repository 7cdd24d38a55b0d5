"""Expiry of items that wait too long, with an outcome that says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from agents.engine.kafka import Record
from agents.lanes.lane import BatchResult
from agents.lanes.pending import LaneItem
from streams.actions.intents import ListAdd
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import Reason, Verdict
from streams.settings import Settings
from tests.support.lane_harness import (
    LaneHarness,
    lane_record,
    remove_from_list,
    run_scenario,
)
from tests.support.worker_fakes import NOW_MS

USUAL_S = Settings().expire_after_s
DELIVERED, EXPIRED = ("delivered", ""), ("dead-letter", "expired")


def add_with_attributes(user: str, **attributes: str) -> ListAdd:
    """Return an intent that adds a user to the list, with profile attributes."""
    return ListAdd(list_id="", profile={"external_id": user, **attributes})


def _expiring_record(offset: int) -> Record:
    """A record that has a minute left."""
    written_ms = NOW_MS - int((USUAL_S - 60) * 1_000)
    return replace(lane_record(offset), timestamp=written_ms)


def _outcomes(harness: LaneHarness) -> dict[int, tuple[str, str]]:
    return {
        one.origin.offset: (one.verdict.value, Reason.parse(one.reason).code)
        for one in harness.producer.outcomes()
    }


def test_what_waits_too_long_is_a_dead_letter_and_holds_nothing_up() -> None:
    """The list was never created; the dead letter can be requeued."""

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        await harness.enqueue(_expiring_record(0), lane_record(1))
        await asyncio.sleep(120)
        harness.lane.sendable = True
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert _outcomes(harness) == {0: EXPIRED, 1: DELIVERED}
    assert harness.lane.batches == [["u1"]]
    assert harness.part.commit_offset == 2


def test_a_record_that_is_too_old_when_it_is_fetched_is_given_up_at_once() -> None:
    """After an outage of days, no batch may hold it before the next search."""

    async def scenario(harness: LaneHarness) -> None:
        await asyncio.sleep(1)  # the first search is over
        await harness.enqueue(replace(lane_record(0), timestamp=0), lane_record(1))

        assert _outcomes(harness) == {0: EXPIRED}
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert harness.lane.batches == [["u1"]]
    assert harness.part.commit_offset == 2


def test_what_is_under_way_is_never_given_up() -> None:
    """Sent again, its neighbours would be asked twice: it ends as Klaviyo says."""

    async def scenario(harness: LaneHarness) -> None:
        accept = harness.lane.on_send

        async def linger(group: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
            await asyncio.sleep(90)
            return await accept(group, items)

        harness.lane.on_send = linger
        await harness.enqueue(_expiring_record(0), lane_record(1))
        await asyncio.sleep(100)

    harness = run_scenario(scenario)

    assert _outcomes(harness) == {0: DELIVERED, 1: DELIVERED}
    assert harness.lane.batches == [["u0", "u1"]]


def test_what_comes_too_late_takes_the_older_word_before_it_along() -> None:
    """An add that outlives the removal behind it would have the last word."""

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        intent = partial(add_with_attributes, title="Dr")
        await harness.enqueue(
            lane_record(0, user="u", intent=intent),
            lane_record(1, user="u", intent=remove_from_list, expire_after_s=60),
        )
        await asyncio.sleep(120)
        harness.lane.sendable = True
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert _outcomes(harness) == {0: EXPIRED, 1: EXPIRED}
    assert harness.lane.batches == []


def test_a_mapping_may_say_how_long() -> None:
    """A cart that was left yesterday is no news."""

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        await harness.enqueue(lane_record(0, expire_after_s=60), lane_record(1))
        await asyncio.sleep(120)

    harness = run_scenario(scenario)

    assert _outcomes(harness) == {0: EXPIRED}
    [dead_letter] = harness.producer.to("t.deadletters")
    assert dead_letter.key == b"u0"
    assert harness.producer.outcomes()[0].verdict == Verdict.DEAD_LETTER
