"""Lane without special rules: profiles and privacy, and the base of other lanes."""

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from agents.lanes.lane import BatchResult, LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import Context
from streams.actions.intents import Intent
from streams.delivery.coalescer import BatchKey, MergePolicy, Reservations
from streams.delivery.verdict import dead_letter
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.execute import (
    OPERATIONS,
    Operation,
    patch,
    upsert_without_list,
    with_dropped_note,
)
from streams.klaviyo.operations.upserts import change_ids

LIST_GONE_IN_MAPPING = dead_letter(
    "list-gone: the list is not in Klaviyo; correct the mapping, then requeue"
)


class SimpleLane:
    """Lane that sends intents with the operation of the intents' kind.

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

    async def on_partition_assigned(self, partition: int) -> None:
        """Do nothing: an operation of this lane may be repeated without harm."""

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True: the rate limiter alone holds back this lane."""
        del batch_key
        return True

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return no keys: ordering keys are enough for this lane."""
        del batch_key, items
        return frozenset()

    async def send(
        self,
        klaviyo: KlaviyoClient,
        batch_key: BatchKey,
        items: Sequence[LaneItem],
    ) -> BatchResult:
        """Send a batch with the operation of the batch's kind."""
        intents = [item.activation.intent for item in items]
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
        on_conflict = self.context.destination.identity_rules.on_conflict
        if kind == "upsert":
            bulk_min_items = self.context.settings.bulk_min_items
            return partial(
                upsert_without_list,
                bulk_min_items=bulk_min_items,
                on_conflict=on_conflict,
            )
        if kind == "patch":
            return partial(patch, on_conflict=on_conflict)
        if kind == "change-id":
            return partial(change_ids, on_conflict=on_conflict)
        return OPERATIONS[kind]
