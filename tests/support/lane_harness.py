"""A lane whose sending the test plays, on a clock that waits for nobody."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from agents.engine.kafka import Record
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import EVENT_OFFSET_HEADER, ORIGIN_HEADER, SOURCE_TIME_HEADER
from streams.actions.activation import Activation, LaneId
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.delivery.coalescer import BatchKey, Coalescer
from streams.delivery.merge_policies import keep_latest
from streams.delivery.verdict import ItemVerdict
from streams.delivery.verdict import delivered as accepted
from streams.events.origin import Origin
from tests.support.worker_fakes import (
    NOW_MS,
    FakeProducer,
    context,
    partition,
    record,
    run,
    track_records,
)

GRACE_S = 10.0
SOURCE_AGE_MS = 1_500
"""How long ago the source record behind each was written."""

Send = Callable[
    [BatchKey, Sequence[LaneItem]], Coroutine[Any, Any, list[ItemVerdict] | None]
]


def add_to_list(user: str) -> ListAdd:
    """Somebody is to be put on the audience's list."""
    return ListAdd(list_id="", profile={"external_id": user})


def remove_from_list(user: str) -> ListRemove:
    """Somebody is to be taken off it."""
    return ListRemove(list_id="", identifiers={"external_id": user})


def lane_record(
    offset: int,
    *,
    user: str = "",
    intent: Callable[[str], Intent] = add_to_list,
    caused_by: int | None = None,
    expire_after_s: float = 0.0,
) -> Record:
    """An activation on the lane.

    Args:
        offset: Its place.
        user: Whom it is about; by default one for each place.
        intent: What is wanted for them.
        caused_by: The source's offset, if another.
        expire_after_s: What its mapping says of its age.
    """
    user = user or f"u{offset}"
    source_offset = offset if caused_by is None else caused_by
    origin = Origin(topic="source", partition=0, offset=source_offset)
    activation = Activation(
        action="addProfileToList",
        user=user,
        intent=intent(user),
        time_ms=source_offset,
        origin=origin,
        message_id=f"m{source_offset}",
        audience="vip",
        expire_after_s=expire_after_s,
    )
    return record(
        msgspec.json.encode(activation),
        offset=offset,
        key=user.encode(),
        headers=[
            (ORIGIN_HEADER, str(origin).encode()),
            (SOURCE_TIME_HEADER, b"%d" % (NOW_MS - SOURCE_AGE_MS)),
            (EVENT_OFFSET_HEADER, b"%d" % source_offset),
        ],
    )


class LaneHarness:
    """A lane whose sending the test plays, and the partition it serves."""

    def __init__(
        self,
        *,
        window_items: int = 100,
        window_bytes: int = 1_000_000,
        items_max: int = 10,
    ) -> None:
        self.producer = FakeProducer()
        self.part = partition("t.activations.lists")
        self.batches: list[list[str]] = []
        self.can_send = True
        self.is_due = True
        self.on_send: Send = self._accept
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self.lane = LaneService(
            replace(
                context(self.producer),
                now_ms=lambda: NOW_MS + int((loop.time() - began_s) * 1_000),
            ),
            options=LaneOptions(
                lane=LaneId.LISTS,
                batch_max_items=items_max,
                batch_max_age_s=0.25,
                max_pending_items=window_items,
                max_pending_bytes=window_bytes,
                grace_s=GRACE_S,
            ),
            queue=Coalescer[PendingRecord](keep_latest),
            send=self._send,
            can_send=lambda _: self.can_send,
            is_due=lambda _: self.is_due,
        )

    async def enqueue(self, *records: Record) -> None:
        """Hand it a poll, as its agent does."""
        self.part.hold()
        await self.lane.enqueue([(self.part, track_records(self.part, *records))])
        self.part.release()

    def revoke(self) -> None:
        """Begin to lose the partition."""
        self.part.revoking = True
        self.lane.on_partitions_revoked([self.part])

    async def _send(
        self, group: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        self.batches.append([item.activation.user for item in items])
        return await self.on_send(group, items)

    async def _accept(
        self, _group: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        return [accepted(status=202)] * len(items)


def run_scenario(
    scenario: Callable[[LaneHarness], Coroutine[Any, Any, None]], **bounds: int
) -> LaneHarness:
    """Run a story at a desk of its own."""

    async def run_with_harness() -> LaneHarness:
        harness = LaneHarness(**bounds)
        async with harness.lane:
            await scenario(harness)
        return harness

    return run(run_with_harness())
