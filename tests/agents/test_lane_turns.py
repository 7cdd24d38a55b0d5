"""Whose turn it is in a lane: lists of one kind go one after the other."""

import asyncio
from collections.abc import Sequence
from functools import partial

from agents.lanes.receipt import Waiting
from streams.actions.intents import ListAdd
from streams.delivery.queue import Group
from streams.delivery.verdict import ItemVerdict
from streams.delivery.verdict import delivered as accepted
from tests.agents.desk import Desk, lane_record, play


def test_of_one_kind_one_batch_is_cut_at_a_time() -> None:
    """The second list's would stand at the gate behind the first one's, half empty."""

    async def story(desk: Desk) -> None:
        gone = asyncio.Event()

        async def stand(_: Group, items: Sequence[Waiting]) -> list[ItemVerdict] | None:
            desk.sendable = False
            await gone.wait()
            return [accepted(status=202)] * len(items)

        desk.answer = stand
        await desk.take_in(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
        )
        await asyncio.sleep(1)
        cut.extend(desk.batches)
        desk.sendable = True
        await asyncio.sleep(1)
        gone.set()

    cut: list[list[str]] = []
    desk = play(story)

    assert cut == [["u0"]]
    assert desk.batches == [["u0"], ["u1"]]


def _added_to(list_id: str, user: str) -> ListAdd:
    return ListAdd(list_id=list_id, profile={"external_id": user})


def test_a_list_that_cannot_go_now_holds_up_no_other() -> None:
    """It is tried again behind those that wait meanwhile."""

    async def story(desk: Desk) -> None:
        accept = desk.answer

        async def not_one(
            group: Group, items: Sequence[Waiting]
        ) -> list[ItemVerdict] | None:
            return None if group.target == "id:one" else await accept(group, items)

        desk.answer = not_one
        await desk.take_in(
            lane_record(0, intent=partial(_added_to, "one")),
            lane_record(1, intent=partial(_added_to, "two")),
            lane_record(2, intent=partial(_added_to, "three")),
        )
        await asyncio.sleep(1)
        desk.answer = accept
        await asyncio.sleep(1)

    desk = play(story)

    assert {"u1", "u2"} <= {user for batch in desk.batches[:4] for user in batch}
    assert desk.part.position == 3
