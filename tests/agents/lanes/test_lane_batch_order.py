"""Whose turn it is in a lane: lists of one kind go one after the other."""

import asyncio
from collections.abc import Sequence
from functools import partial

from agents.lanes.pending import LaneItem
from streams.actions.intents import ListAdd
from streams.delivery.coalescer import BatchKey
from streams.delivery.verdict import ItemVerdict
from streams.delivery.verdict import delivered as accepted
from tests.support.lane_harness import LaneHarness, lane_record, run_scenario


def test_of_one_kind_one_batch_is_cut_at_a_time() -> None:
    """The second list's would stand at the gate behind the first one's, half empty."""

    async def story(desk: LaneHarness) -> None:
        gone = asyncio.Event()

        async def stand(
            _: BatchKey, items: Sequence[LaneItem]
        ) -> list[ItemVerdict] | None:
            desk.can_send = False
            await gone.wait()
            return [accepted(status=202)] * len(items)

        desk.on_send = stand
        await desk.enqueue(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
        )
        await asyncio.sleep(1)
        cut.extend(desk.batches)
        desk.can_send = True
        await asyncio.sleep(1)
        gone.set()

    cut: list[list[str]] = []
    desk = run_scenario(story)

    assert cut == [["u0"]]
    assert desk.batches == [["u0"], ["u1"]]


def _added_to(list_id: str, user: str) -> ListAdd:
    return ListAdd(list_id=list_id, profile={"external_id": user})


def test_a_list_that_cannot_go_now_holds_up_no_other() -> None:
    """It is tried again behind those that wait meanwhile."""

    async def story(desk: LaneHarness) -> None:
        accept = desk.on_send

        async def not_one(
            group: BatchKey, items: Sequence[LaneItem]
        ) -> list[ItemVerdict] | None:
            return None if group.target == "id:one" else await accept(group, items)

        desk.on_send = not_one
        await desk.enqueue(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
            lane_record(2, intent=partial(_added_to, "three")),
        )
        await asyncio.sleep(1)
        desk.on_send = accept
        await asyncio.sleep(1)

    desk = run_scenario(story)

    assert {"u1", "u2"} <= {user for batch in desk.batches[:4] for user in batch}
    assert desk.part.commit_offset == 3
