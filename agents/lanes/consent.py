"""The consent lane: subscriptions, withdrawals and suppressions."""

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from agents.lanes.lane import LaneOptions
from agents.lanes.lists import MemberKey
from agents.lanes.pending import LaneItem
from agents.lanes.simple import SimpleLane
from agents.shared.context import Context
from streams.actions.intents import identifying_attributes, list_id_of
from streams.delivery.coalescer import BatchKey
from streams.delivery.merge_policies import keep_latest_consent
from streams.klaviyo.batching.items import list_identifiers
from streams.klaviyo.operations.list_unsubscribe import JOB_SETTLE_S

ALL_BATCHES: Final = "all-batches"
"""Reservation that holds back the whole lane."""


class ConsentLane(SimpleLane):
    """Lane of consent changes; each user's changes are made in order.

    Klaviyo accepts a withdrawal before the withdrawal takes effect. A profile that is
    asked to leave a list it has left already is unsubscribed from everything. So three
    things wait until a change has taken effect: other changes of the same user, other
    withdrawals of the same address from the same list, and, after a partition was
    assigned, the whole lane, since the previous owner may have asked a moment ago.
    """

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, merge=keep_latest_consent)

    async def on_partition_assigned(self, partition: int) -> None:
        """Hold back the lane until changes of the previous owner have taken effect."""
        del partition
        settled_s = asyncio.get_running_loop().time() + JOB_SETTLE_S
        self.reservations.reserve([ALL_BATCHES], until_s=settled_s)

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True if the lane is not held back."""
        del batch_key
        now_s = asyncio.get_running_loop().time()
        return self.reservations.is_free(ALL_BATCHES, now_s=now_s)

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return the list members that a withdrawal removes."""
        if batch_key.kind != "unsubscribe" or batch_key.list_ref is None:
            return frozenset()
        return {member for item in items for member in _leaving_members(item)}


def _leaving_members(item: LaneItem) -> Iterator[MemberKey]:
    intent = item.activation.intent
    for identifier in list_identifiers(identifying_attributes(intent)):
        yield MemberKey(list_id_of(intent), identifier)
