"""Lanes that do what their intents say and have nothing else to think of."""

from collections.abc import Sequence
from functools import partial

from agents.lanes.clients import LaneClients
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import Context
from streams.actions.intents import Intent
from streams.delivery.coalescer import BatchKey, Coalescer, MergePolicy
from streams.delivery.verdict import ItemVerdict, dead_letter
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.execute import (
    OPERATIONS,
    Operation,
    upsert_without_list,
    with_dropped_note,
)

LIST_GONE_IN_MAPPING = dead_letter(
    "list-gone: the list is not in Klaviyo; mend the mapping, requeue"
)


class SimpleLane:
    """Profiles and privacy; the base of lanes that think of one thing more."""

    def __init__(
        self,
        context: Context,
        options: LaneOptions,
        *,
        merge: MergePolicy[PendingRecord],
    ) -> None:
        self.context = context
        self._clients = LaneClients(context.klaviyo, rank=options.rank)
        self.service = LaneService(
            context,
            options=options,
            queue=Coalescer[PendingRecord](merge),
            send=self.send,
            can_send=self._clients.has_no_waiting_request,
            is_due=self._clients.is_due,
        )

    async def on_partition_assigned(self, _partition: int) -> None:
        """Nothing to wait for: what is done twice is done once."""

    async def send(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        """Do what the batch wants."""
        intents = [item.activation.intent for item in items]
        klaviyo = self._clients.client_for(batch_key)
        operation = await self.operation_for(batch_key.kind, intents)
        verdicts = await operation(klaviyo, intents)
        if isinstance(verdicts, ListGone):
            return [LIST_GONE_IN_MAPPING] * len(items)
        return [
            with_dropped_note(*pair) for pair in zip(verdicts, intents, strict=True)
        ]

    async def operation_for(self, kind: str, intents: Sequence[Intent]) -> Operation:
        """Give what does intents of a kind."""
        del intents
        if kind == "upsert":
            bulk_min_items = self.context.settings.bulk_min_items
            return partial(upsert_without_list, bulk_min_items=bulk_min_items)
        return OPERATIONS[kind]
