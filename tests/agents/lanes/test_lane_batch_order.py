"""Order of batches in a lane: batches of one kind are sent one after the other."""

import asyncio
from collections.abc import Sequence
from functools import partial

from agents.lanes.lane import BatchResult, NotNow
from agents.lanes.pending import LaneItem
from streams.actions.activation import ById
from streams.actions.intents import ListAdd
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import delivered as accepted
from tests.support.lane_harness import LaneHarness, lane_record, run_scenario


def test_of_one_kind_one_batch_is_cut_at_a_time() -> None:
    """The second list's would stand at the gate behind the first one's, half empty."""

    async def scenario(harness: LaneHarness) -> None:
        gone = asyncio.Event()

        async def stand(_: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
            harness.lane.sendable = False
            await gone.wait()
            return [accepted(status=202)] * len(items)

        harness.lane.on_send = stand
        await harness.enqueue(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
        )
        await asyncio.sleep(1)
        cut.extend(harness.lane.batches)
        harness.lane.sendable = True
        await asyncio.sleep(1)
        gone.set()

    cut: list[list[str]] = []
    harness = run_scenario(scenario)

    assert cut == [["u0"]]
    assert harness.lane.batches == [["u0"], ["u1"]]


def _added_to(list_id: str, user: str) -> ListAdd:
    return ListAdd(list_id=list_id, profile={"external_id": user})


def test_a_list_that_cannot_go_now_holds_up_no_other() -> None:
    """The list is tried again, behind lists that wait meanwhile."""

    async def scenario(harness: LaneHarness) -> None:
        accept = harness.lane.on_send

        async def not_one(group: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
            return (
                NotNow()
                if group.list_ref == ById("one")
                else await accept(group, items)
            )

        harness.lane.on_send = not_one
        await harness.enqueue(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
            lane_record(2, intent=partial(_added_to, "three")),
        )
        await asyncio.sleep(1)
        harness.lane.on_send = accept
        await asyncio.sleep(1)

    harness = run_scenario(scenario)

    assert {"u1", "u2"} <= {
        user for batch in harness.lane.batches[:4] for user in batch
    }
    assert harness.part.commit_offset == 3
