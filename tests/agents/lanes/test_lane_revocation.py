"""A lane that is full, and one whose partition is on its way out."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.engine.partition import Partition
from agents.lanes.pending import LaneItem
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import ItemVerdict
from streams.delivery.verdict import delivered as accepted
from tests.support.lane_harness import GRACE_S, LaneHarness, lane_record, run_scenario
from tests.support.worker_fakes import record, track_records


async def _never(
    _group: BatchKey, _items: Sequence[LaneItem]
) -> list[ItemVerdict] | None:
    await asyncio.sleep(10**6)
    return None


def test_a_full_window_takes_in_no_more_until_there_is_room() -> None:
    """So that fetching stops while Klaviyo is down; then all is sent."""
    held: list[bool] = []

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        taking = asyncio.create_task(desk.enqueue(*map(lane_record, range(3))))
        await asyncio.sleep(100)
        held.append(taking.done())
        desk.can_send = True
        await asyncio.sleep(1)
        held.append(taking.done())

    desk = run_scenario(story, window_items=3)

    assert held == [False, True]
    assert desk.part.commit_offset == 3


@pytest.mark.parametrize("sendable", [True, False], ids=["under-way", "waiting"])
@pytest.mark.parametrize("window_items", [100, 3], ids=["room", "no-room"])
def test_a_leaving_partition_is_let_go_after_the_grace(
    sendable: bool, window_items: int
) -> None:
    """Nothing is acknowledged; whoever has it next sends it."""

    async def story(desk: LaneHarness) -> None:
        desk.on_send, desk.can_send = _never, sendable
        taking = asyncio.create_task(desk.enqueue(*map(lane_record, range(3))))
        await asyncio.sleep(1)
        desk.revoke()
        async with asyncio.timeout(GRACE_S + 1):
            await desk.part.wait_idle()
        await taking

    desk = run_scenario(story, window_items=window_items)

    assert desk.part.commit_offset == 0
    assert desk.producer.outcomes() == []


def test_a_leaving_partition_s_batch_that_lands_in_time_is_acknowledged() -> None:
    """The grace is for that."""

    async def slow(
        _group: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        await asyncio.sleep(GRACE_S / 2)
        return [accepted()] * len(items)

    async def story(desk: LaneHarness) -> None:
        desk.on_send = slow
        await desk.enqueue(lane_record(0))
        await asyncio.sleep(1)
        desk.revoke()
        await desk.part.wait_idle()

    assert run_scenario(story).part.commit_offset == 1


def test_what_comes_back_unsent_of_a_leaving_partition_is_forgotten() -> None:
    """It would otherwise wait for a list and hold the partition up."""

    async def late_none(
        _group: BatchKey, _items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        await asyncio.sleep(2)
        return None

    async def story(desk: LaneHarness) -> None:
        desk.on_send = late_none
        await desk.enqueue(lane_record(0))
        await asyncio.sleep(1)
        desk.can_send = False
        desk.revoke()
        async with asyncio.timeout(GRACE_S):
            await desk.part.wait_idle()

    assert run_scenario(story).part.commit_offset == 0


def test_a_partition_that_is_idle_has_nothing_held() -> None:
    """Every hold of a record is released with its outcome."""
    idle: list[bool] = []

    async def settled(part: Partition) -> None:
        await part.wait_idle()
        idle.append(True)

    async def story(desk: LaneHarness) -> None:
        await desk.enqueue(
            lane_record(0, user="u"), lane_record(1, user="u"), record(b"")
        )
        await asyncio.sleep(1)
        async with asyncio.timeout(1):
            await settled(desk.part)

    run_scenario(story)

    assert idle == [True]


def test_superseded_records_behind_an_open_one_are_bounded_too() -> None:
    """They wait for nothing, but their offsets cannot be passed before the first."""
    held: list[bool] = []

    async def story(desk: LaneHarness) -> None:
        desk.can_send = False
        changes = [lane_record(offset, user="u") for offset in range(1, 15)]
        taking = asyncio.create_task(desk.enqueue(lane_record(0), *changes))
        await asyncio.sleep(100)
        held.append(taking.done())
        desk.can_send = True
        await asyncio.sleep(1)
        held.append(taking.done())

    desk = run_scenario(story, window_items=3)

    assert held == [False, True]
    assert desk.part.commit_offset == 15


def test_a_poll_that_waits_its_turn_does_not_fill_the_window() -> None:
    """It was fetched, not taken in: it may not keep itself out for ever."""
    held: list[bool] = []

    async def story(desk: LaneHarness) -> None:
        track_records(desk.part, *map(lane_record, range(1, 100)))
        taking = asyncio.create_task(desk.enqueue(lane_record(0)))
        await asyncio.sleep(1)
        held.append(taking.done())

    run_scenario(story, window_items=3)

    assert held == [True]
