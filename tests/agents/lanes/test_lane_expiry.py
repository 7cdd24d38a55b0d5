"""What waited too long is given up, and says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from agents.engine.kafka import Record
from agents.lanes.pending import LaneItem
from streams.actions.intents import ListAdd
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.settings import Settings
from tests.support.lane_harness import (
    LaneHarness,
    lane_record,
    remove_from_list,
    run_scenario,
)
from tests.support.worker_fakes import NOW_MS

USUAL_S = Settings().expire_after_s
Verdicts = list[ItemVerdict] | None
DELIVERED, EXPIRED = ("delivered", ""), ("dead-letter", "expired")


def add_with_attributes(user: str, **attributes: str) -> ListAdd:
    """Somebody is to be put on the list, and something is said of them."""
    return ListAdd(list_id="", profile={"external_id": user, **attributes})


def _expiring_record(offset: int) -> Record:
    """A record that has a minute left."""
    written_ms = NOW_MS - int((USUAL_S - 60) * 1_000)
    return replace(lane_record(offset), timestamp=written_ms)


def _outcomes(desk: LaneHarness) -> dict[int, tuple[str, str]]:
    return {
        one.origin.offset: (one.verdict.value, one.reason.partition(":")[0])
        for one in desk.producer.outcomes()
    }


def test_what_waits_too_long_is_a_dead_letter_and_holds_nothing_up() -> None:
    """Its list never came; the offset passes, and the letter can be requeued."""

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        await desk.enqueue(_expiring_record(0), lane_record(1))
        await asyncio.sleep(120)
        desk.can_send = True
        await asyncio.sleep(1)

    desk = run_scenario(story)

    assert _outcomes(desk) == {0: EXPIRED, 1: DELIVERED}
    assert desk.batches == [["u1"]]
    assert desk.part.commit_offset == 2


def test_what_is_under_way_is_never_given_up() -> None:
    """Sent again, its neighbours would be asked twice: it ends as Klaviyo says."""

    async def story(desk: LaneHarness) -> None:
        accept = desk.on_send

        async def linger(group: BatchKey, items: Sequence[LaneItem]) -> Verdicts:
            await asyncio.sleep(90)
            return await accept(group, items)

        desk.on_send = linger
        await desk.enqueue(_expiring_record(0), lane_record(1))
        await asyncio.sleep(100)

    desk = run_scenario(story)

    assert _outcomes(desk) == {0: DELIVERED, 1: DELIVERED}
    assert desk.batches == [["u0", "u1"]]


def test_what_comes_too_late_takes_the_older_word_before_it_along() -> None:
    """An add that outlives the removal behind it would have the last word."""

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        told = partial(add_with_attributes, title="Dr")
        await desk.enqueue(
            lane_record(0, user="u", intent=told),
            lane_record(1, user="u", intent=remove_from_list, expire_after_s=60),
        )
        await asyncio.sleep(120)
        desk.can_send = True
        await asyncio.sleep(1)

    desk = run_scenario(story)

    assert _outcomes(desk) == {0: EXPIRED, 1: EXPIRED}
    assert desk.batches == []


def test_a_mapping_may_say_how_long() -> None:
    """A cart that was left yesterday is no news."""

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        await desk.enqueue(lane_record(0, expire_after_s=60), lane_record(1))
        await asyncio.sleep(120)

    desk = run_scenario(story)

    assert _outcomes(desk) == {0: EXPIRED}
    [letter] = desk.producer.to("t.deadletters")
    assert letter.key == b"u0"
    assert desk.producer.outcomes()[0].verdict == Verdict.DEAD_LETTER
