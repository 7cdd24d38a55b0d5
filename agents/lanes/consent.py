"""The consent lane: who is asked to leave a list is asked once."""

import asyncio
from collections.abc import Sequence

from agents.context import Context
from agents.lanes.options import LaneOptions
from agents.lanes.plain import PlainLane
from agents.lanes.receipt import Waiting
from streams.delivery.joining import last_consent
from streams.delivery.queue import Group
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.exits import SETTLE_S


class ConsentLane(PlainLane):
    """Subscriptions, withdrawals and suppressions, each user's in order.

    Klaviyo takes a withdrawal before it makes it. Whoever is asked to leave a list
    that they have left already is unsubscribed globally: so what concerns the same
    user waits until the one before is done, and after a partition was taken over
    nobody is asked to leave a list before what its owner asked is done.
    """

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, join=last_consent)
        self._settled_s = 0.0

    async def take_over(self, _partition: int) -> None:
        """The owner before may have asked someone to leave a moment ago."""
        self._settled_s = asyncio.get_running_loop().time() + SETTLE_S

    async def send(
        self, group: Group, items: Sequence[Waiting]
    ) -> list[ItemVerdict] | None:
        """Change consents."""
        if group.kind == "unsubscribe" and group.target:
            now_s = asyncio.get_running_loop().time()
            await asyncio.sleep(self._settled_s - now_s)
        return await super().send(group, items)
