"""A lane whose sending the test plays, on a clock that waits for nobody."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from agents.context import ORIGIN, READ_AT, TIME
from agents.engine.kafka import Record
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.receipt import Receipt, Waiting
from streams.actions.activation import Activation, Lane
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.delivery.joining import last_word
from streams.delivery.queue import Coalescer, Group
from streams.delivery.verdict import ItemVerdict
from streams.delivery.verdict import delivered as accepted
from streams.events.origin import Origin
from tests.agents.fakes import (
    NOW_MS,
    FakeProducer,
    context,
    delivered,
    partition,
    record,
    run,
)

GRACE_S = 10.0
SOURCE_AGE_MS = 1_500
"""How long ago the source record behind each was written."""

Send = Callable[
    [Group, Sequence[Waiting]], Coroutine[Any, Any, list[ItemVerdict] | None]
]


def added(user: str) -> ListAdd:
    """Somebody is to be put on the audience's list."""
    return ListAdd(list_id="", profile={"external_id": user})


def removed(user: str) -> ListRemove:
    """Somebody is to be taken off it."""
    return ListRemove(list_id="", identifiers={"external_id": user})


def lane_record(
    offset: int,
    *,
    user: str = "",
    intent: Callable[[str], Intent] = added,
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
            (ORIGIN, str(origin).encode()),
            (TIME, b"%d" % (NOW_MS - SOURCE_AGE_MS)),
            (READ_AT, b"%d" % source_offset),
        ],
    )


class Desk:
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
        self.sendable = True
        self.due = True
        self.answer: Send = self._accept
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        self.lane = LaneService(
            replace(
                context(self.producer),
                now_ms=lambda: NOW_MS + int((loop.time() - began_s) * 1_000),
            ),
            options=LaneOptions(
                lane=Lane.LISTS,
                items_max=items_max,
                age_s=0.25,
                window_items=window_items,
                window_bytes=window_bytes,
                grace_s=GRACE_S,
            ),
            queue=Coalescer[Receipt](last_word),
            send=self._send,
            sendable=lambda _: self.sendable,
            due=lambda _: self.due,
        )

    async def take_in(self, *records: Record) -> None:
        """Hand it a poll, as its agent does."""
        self.part.hold()
        await self.lane.take_in([(self.part, delivered(self.part, *records))])
        self.part.release()

    def leave(self) -> None:
        """Begin to lose the partition."""
        self.part.closing = True
        self.lane.closing([self.part])

    async def _send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        self.batches.append([item.activation.user for item in items])
        return await self.answer(group, items)

    async def _accept(
        self, _group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        return [accepted(status=202)] * len(items)


def play(story: Callable[[Desk], Coroutine[Any, Any, None]], **bounds: int) -> Desk:
    """Run a story at a desk of its own."""

    async def open_desk() -> Desk:
        desk = Desk(**bounds)
        async with desk.lane:
            await story(desk)
        return desk

    return run(open_desk())
