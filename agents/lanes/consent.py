"""The consent lane: who is asked to leave a list is asked once."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from agents.context import Context
from agents.lanes.options import LaneOptions
from agents.lanes.plain import PlainLane
from agents.lanes.receipt import Waiting
from streams.actions.kinds import list_of, named_by
from streams.delivery.joining import last_consent
from streams.delivery.queue import Group
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.exits import SETTLE_S
from streams.klaviyo.items import Identifier, folded, identifiers

Leave: TypeAlias = tuple[str, Identifier]
"""A list, and an identifier of whoever leaves it."""


class ConsentLane(PlainLane):
    """Subscriptions, withdrawals and suppressions, each user's in order.

    Klaviyo takes a withdrawal before it makes it. Whoever is asked to leave a list
    that they have left already is unsubscribed globally: so what concerns the same
    user waits until the one before is done, what concerns the same address and list
    does, and after a partition was taken over all waits until what its owner asked is
    done.
    """

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, join=last_consent)
        self._settled_s = 0.0
        self._leaving: dict[Leave, float] = {}

    async def take_over(self, _partition: int) -> None:
        """The owner before may have asked someone to leave a moment ago."""
        self._settled_s = asyncio.get_running_loop().time() + SETTLE_S

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Change consents; None while someone of them is on their way off a list."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._settled_s - loop.time())
        if group.kind != "unsubscribe" or not group.target:
            return await super().send(group, items)
        leaves = {leave for item in items for leave in _leaves(item)}
        now_s = loop.time()
        self._leaving = {one: at for one, at in self._leaving.items() if at > now_s}
        if not leaves.isdisjoint(self._leaving):
            return None
        self._leaving |= dict.fromkeys(leaves, float("inf"))
        try:
            return await super().send(group, items)
        finally:
            settled_s = loop.time() + SETTLE_S
            self._leaving |= dict.fromkeys(leaves, settled_s)


def _leaves(item: Waiting) -> Iterator[Leave]:
    """Name the list, and whoever is to leave it by each of their addresses."""
    intent = item.activation.intent
    for name in identifiers(named_by(intent)):
        yield list_of(intent), folded(name)
