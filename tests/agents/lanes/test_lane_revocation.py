"""A lane that is full, and one whose partition is on its way out."""

import asyncio
from collections.abc import Sequence

import pytest

from agents.engine.partition import Partition
from agents.lanes.lane import BatchResult, NotNow
from agents.lanes.pending import LaneItem
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import delivered as accepted
from tests.support.lane_harness import GRACE_S, LaneHarness, lane_record, run_scenario
from tests.support.worker_fakes import record, track_records


async def _never(_group: BatchKey, _items: Sequence[LaneItem]) -> BatchResult:
    await asyncio.sleep(10**6)
    return NotNow()


def test_a_full_window_takes_in_no_more_until_there_is_room() -> None:
    """So that fetching stops while Klaviyo is down; then all is sent."""
    is_done: list[bool] = []

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        enqueueing = asyncio.create_task(harness.enqueue(*map(lane_record, range(3))))
        await asyncio.sleep(100)
        is_done.append(enqueueing.done())
        harness.lane.sendable = True
        await asyncio.sleep(1)
        is_done.append(enqueueing.done())

    harness = run_scenario(scenario, max_pending_items=3)

    assert is_done == [False, True]
    assert harness.part.commit_offset == 3


@pytest.mark.parametrize("sendable", [True, False], ids=["under-way", "waiting"])
@pytest.mark.parametrize("max_pending_items", [100, 3], ids=["room", "no-room"])
def test_a_leaving_partition_is_let_go_after_the_grace(
    sendable: bool, max_pending_items: int
) -> None:
    """No record is acknowledged; the next owner of the partition sends it."""

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.on_send, harness.lane.sendable = _never, sendable
        enqueueing = asyncio.create_task(harness.enqueue(*map(lane_record, range(3))))
        await asyncio.sleep(1)
        harness.revoke()
        async with asyncio.timeout(GRACE_S + 1):
            await harness.part.wait_idle()
        await enqueueing

    harness = run_scenario(scenario, max_pending_items=max_pending_items)

    assert harness.part.commit_offset == 0
    assert harness.producer.outcomes() == []


def test_a_leaving_partition_s_batch_that_lands_in_time_is_acknowledged() -> None:
    """The grace is for that."""

    async def slow(_group: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
        await asyncio.sleep(GRACE_S / 2)
        return [accepted()] * len(items)

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.on_send = slow
        await harness.enqueue(lane_record(0))
        await asyncio.sleep(1)
        harness.revoke()
        await harness.part.wait_idle()

    assert run_scenario(scenario).part.commit_offset == 1


def test_what_comes_back_unsent_of_a_leaving_partition_is_forgotten() -> None:
    """The item would otherwise wait for a list and delay the rebalance."""

    async def late_none(_group: BatchKey, _items: Sequence[LaneItem]) -> BatchResult:
        await asyncio.sleep(2)
        return NotNow()

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.on_send = late_none
        await harness.enqueue(lane_record(0))
        await asyncio.sleep(1)
        harness.lane.sendable = False
        harness.revoke()
        async with asyncio.timeout(GRACE_S):
            await harness.part.wait_idle()

    assert run_scenario(scenario).part.commit_offset == 0


def test_a_partition_that_is_idle_has_nothing_held() -> None:
    """Every hold of a record is released with its outcome."""
    idle: list[bool] = []

    async def settled(part: Partition) -> None:
        await part.wait_idle()
        idle.append(True)

    async def scenario(harness: LaneHarness) -> None:
        await harness.enqueue(
            lane_record(0, user="u"), lane_record(1, user="u"), record(b"")
        )
        await asyncio.sleep(1)
        async with asyncio.timeout(1):
            await settled(harness.part)

    run_scenario(scenario)

    assert idle == [True]


def test_superseded_records_behind_an_open_one_are_bounded_too() -> None:
    """Superseded records wait for nothing, but their offsets stay open."""
    is_done: list[bool] = []

    async def scenario(harness: LaneHarness) -> None:
        harness.lane.sendable = False
        changes = [lane_record(offset, user="u") for offset in range(1, 15)]
        enqueueing = asyncio.create_task(harness.enqueue(lane_record(0), *changes))
        await asyncio.sleep(100)
        is_done.append(enqueueing.done())
        harness.lane.sendable = True
        await asyncio.sleep(1)
        is_done.append(enqueueing.done())

    harness = run_scenario(scenario, max_pending_items=3)

    assert is_done == [False, True]
    assert harness.part.commit_offset == 15


def test_a_poll_that_waits_its_turn_does_not_fill_the_window() -> None:
    """A record that was fetched but not queued may not keep itself out for ever."""
    is_done: list[bool] = []

    async def scenario(harness: LaneHarness) -> None:
        track_records(harness.part, *map(lane_record, range(1, 100)))
        enqueueing = asyncio.create_task(harness.enqueue(lane_record(0)))
        await asyncio.sleep(1)
        is_done.append(enqueueing.done())

    run_scenario(scenario, max_pending_items=3)

    assert is_done == [True]
