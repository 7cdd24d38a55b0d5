"""The consent lane: who is asked to leave a list is asked once."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from agents.lanes.options import LaneOptions
from agents.lanes.pending import LaneItem
from agents.lanes.simple import SimpleLane
from agents.shared.context import Context
from streams.actions.kinds import identifying_attributes, list_id_of
from streams.delivery.coalescer import BatchKey
from streams.delivery.merge_policies import keep_latest_consent
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.batching.items import (
    Identifier,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S

ListExit: TypeAlias = tuple[str, Identifier]
"""A list, and an identifier of whoever leaves it."""


class ConsentLane(SimpleLane):
    """Subscriptions, withdrawals and suppressions, each user's in order.

    Klaviyo takes a withdrawal before it makes it. Whoever is asked to leave a list
    that they have left already is unsubscribed globally: so what concerns the same
    user waits until the one before is done, what concerns the same address and list
    does, and after a partition was taken over all waits until what its owner asked is
    done.
    """

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, merge=keep_latest_consent)
        self._settled_at_s = 0.0
        self._exits_until_s: dict[ListExit, float] = {}

    async def on_partition_assigned(self, _partition: int) -> None:
        """The owner before may have asked someone to leave a moment ago."""
        self._settled_at_s = asyncio.get_running_loop().time() + JOB_SETTLE_S

    async def send(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        """Change consents; None while someone of them is on their way off a list."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._settled_at_s - loop.time())
        if batch_key.kind != "unsubscribe" or not batch_key.target:
            return await super().send(batch_key, items)
        exits = {list_exit for item in items for list_exit in _list_exits(item)}
        now_s = loop.time()
        self._exits_until_s = {
            list_exit: until_s
            for list_exit, until_s in self._exits_until_s.items()
            if until_s > now_s
        }
        if not exits.isdisjoint(self._exits_until_s):
            return None
        self._exits_until_s |= dict.fromkeys(exits, float("inf"))
        try:
            return await super().send(batch_key, items)
        finally:
            settled_s = loop.time() + JOB_SETTLE_S
            self._exits_until_s |= dict.fromkeys(exits, settled_s)


def _list_exits(item: LaneItem) -> Iterator[ListExit]:
    """Name the list, and whoever is to leave it by each of their addresses."""
    intent = item.activation.intent
    for identifier in list_identifiers(identifying_attributes(intent)):
        yield list_id_of(intent), normalize_identifier(identifier)
