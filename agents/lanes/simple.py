"""Lane without rules of its own: profiles and privacy, and the base of other lanes."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from agents.lanes.clients import LaneClients
from agents.lanes.lane import BatchResult, LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import Context
from streams.actions.intents import Intent
from streams.delivery.coalescer import BatchKey, MergePolicy
from streams.delivery.reservations import Reservations
from streams.delivery.verdict import dead_letter
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.execute import (
    OPERATIONS,
    Operation,
    upsert_without_list,
    with_dropped_note,
)

LIST_GONE_IN_MAPPING = dead_letter(
    "list-gone: the list is not in Klaviyo; correct the mapping, then requeue"
)


class SimpleLane:
    """Lane that does what its intents ask for.

    Args:
        context: Services of the worker.
        options: Limits and delays.
        merge: Policy for two queued items with the same ordering key.
    """

    def __init__(
        self,
        context: Context,
        options: LaneOptions,
        *,
        merge: MergePolicy[PendingRecord],
    ) -> None:
        self.context = context
        self.options = options
        self.merge = merge
        self.reservations = Reservations()
        self._clients = LaneClients(context.klaviyo, rank=options.rank)

    async def on_partition_assigned(self, partition: int) -> None:
        """Do nothing: an operation of this lane may be repeated without harm."""

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True if no request of this kind waits at the rate limiter."""
        return self._clients.has_no_waiting_request(batch_key)

    def is_due(self, batch_key: BatchKey) -> bool:
        """Return True if a request could leave as soon as it is written."""
        return self._clients.is_due(batch_key)

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return no keys: ordering keys are enough for this lane."""
        del batch_key, items
        return frozenset()

    async def send(self, batch_key: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
        """Send a batch with the operation of its kind."""
        intents = [item.activation.intent for item in items]
        klaviyo = self._clients.client_for(batch_key)
        operation = await self.operation_for(batch_key.kind, intents)
        verdicts = await operation(klaviyo, intents)
        if isinstance(verdicts, ListGone):
            return [LIST_GONE_IN_MAPPING] * len(items)
        return [
            with_dropped_note(verdict, intent)
            for verdict, intent in zip(verdicts, intents, strict=True)
        ]

    async def operation_for(self, kind: str, intents: Sequence[Intent]) -> Operation:
        """Return the operation for intents of a kind."""
        del intents
        if kind == "upsert":
            bulk_min_items = self.context.settings.bulk_min_items
            return partial(upsert_without_list, bulk_min_items=bulk_min_items)
        return OPERATIONS[kind]
