"""What waited too long is given up, and says so."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from agents.engine.kafka import Record
from agents.lanes.receipt import Waiting
from streams.actions.intents import ListAdd
from streams.delivery.queue import Group
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.settings import Settings
from tests.agents.desk import Desk, lane_record, play, removed
from tests.agents.fakes import NOW_MS

USUAL_S = Settings().expire_after_s
Verdicts = list[ItemVerdict] | None
DELIVERED, EXPIRED = ("delivered", ""), ("dead-letter", "expired")


def added_with(user: str, **attributes: str) -> ListAdd:
    """Somebody is to be put on the list, and something is said of them."""
    return ListAdd(list_id="", profile={"external_id": user, **attributes})


def _old(offset: int) -> Record:
    """A record that has a minute left."""
    written_ms = NOW_MS - int((USUAL_S - 60) * 1_000)
    return replace(lane_record(offset), timestamp=written_ms)


def _ends(desk: Desk) -> dict[int, tuple[str, str]]:
    return {
        one.origin.offset: (one.verdict.value, one.reason.partition(":")[0])
        for one in desk.producer.outcomes()
    }


def test_what_waits_too_long_is_a_dead_letter_and_holds_nothing_up() -> None:
    """Its list never came; the offset passes, and the letter can be requeued."""

    async def story(desk: Desk) -> None:
        desk.sendable = False
        await desk.take_in(_old(0), lane_record(1))
        await asyncio.sleep(120)
        desk.sendable = True
        await asyncio.sleep(1)

    desk = play(story)

    assert _ends(desk) == {0: EXPIRED, 1: DELIVERED}
    assert desk.batches == [["u1"]]
    assert desk.part.position == 2


def test_what_is_under_way_is_never_given_up() -> None:
    """Sent again, its neighbours would be asked twice: it ends as Klaviyo says."""

    async def story(desk: Desk) -> None:
        accept = desk.answer

        async def linger(group: Group, items: Sequence[Waiting]) -> Verdicts:
            await asyncio.sleep(90)
            return await accept(group, items)

        desk.answer = linger
        await desk.take_in(_old(0), lane_record(1))
        await asyncio.sleep(100)

    desk = play(story)

    assert _ends(desk) == {0: DELIVERED, 1: DELIVERED}
    assert desk.batches == [["u0", "u1"]]


def test_what_comes_too_late_takes_the_older_word_before_it_along() -> None:
    """An add that outlives the removal behind it would have the last word."""

    async def story(desk: Desk) -> None:
        desk.sendable = False
        told = partial(added_with, title="Dr")
        await desk.take_in(
            lane_record(0, user="u", intent=told),
            lane_record(1, user="u", intent=removed, expire_after_s=60),
        )
        await asyncio.sleep(120)
        desk.sendable = True
        await asyncio.sleep(1)

    desk = play(story)

    assert _ends(desk) == {0: EXPIRED, 1: EXPIRED}
    assert desk.batches == []


def test_a_mapping_may_say_how_long() -> None:
    """A cart that was left yesterday is no news."""

    async def story(desk: Desk) -> None:
        desk.sendable = False
        await desk.take_in(lane_record(0, expire_after_s=60), lane_record(1))
        await asyncio.sleep(120)

    desk = play(story)

    assert _ends(desk) == {0: EXPIRED}
    [letter] = desk.producer.to("t.deadletters")
    assert letter.key == b"u0"
    assert desk.producer.outcomes()[0].verdict == Verdict.DEAD_LETTER
