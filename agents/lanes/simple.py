"""Lane without rules of its own: profiles and privacy, and the base of other lanes."""

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from agents.lanes.lane import BatchResult, LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import Context
from streams.actions.activation import LaneId
from streams.actions.intents import Intent
from streams.delivery.coalescer import BatchKey, MergePolicy, Reservations
from streams.delivery.verdict import dead_letter
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.endpoints import (
    CREATE_EVENTS,
    GET_PROFILES,
    IMPORT_PROFILES,
    REMOVE_MEMBERS,
    REQUEST_DELETION,
    SUBSCRIBE,
    SUPPRESS,
    UNSUBSCRIBE,
    UNSUPPRESS,
    UPSERT_PROFILE,
    Endpoint,
)
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.execute import (
    OPERATIONS,
    Operation,
    patch,
    upsert_without_list,
    with_dropped_note,
)

CUT_AHEAD_S = 0.06
"""Time between the cut of a batch and the moment its request may leave: batches are
looked for once a tick, and the body of the request is written meanwhile."""

ENDPOINTS_BY_KIND: Final[Mapping[str, tuple[Endpoint, ...]]] = {
    "upsert": (IMPORT_PROFILES,),
    "patch": (UPSERT_PROFILE,),
    "add": (IMPORT_PROFILES,),
    "remove": (GET_PROFILES, REMOVE_MEMBERS),
    "record": (CREATE_EVENTS,),
    "subscribe": (SUBSCRIBE,),
    "unsubscribe": (UNSUBSCRIBE,),
    "suppress": (SUPPRESS,),
    "unsuppress": (UNSUPPRESS,),
    "delete": (REQUEST_DELETION,),
}
"""Kind of intent → the endpoints whose quota it needs."""

LOWEST_PRIORITY_RANK = len(LaneId)
"""Rank of backfill and replays: behind every lane."""

LIST_GONE_IN_MAPPING = dead_letter(
    "list-gone: the list is not in Klaviyo; correct the mapping, then requeue"
)


class SimpleLane:
    """Lane that does what its intents ask for.

    A batch that waits at the rate limiter can take no more items. So a batch is not cut
    while an earlier one waits there, and one that is not full is cut at the last
    moment: with a backlog, batches fill up while they wait.

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
        ranks = {False: options.rank, True: LOWEST_PRIORITY_RANK}
        self._clients = {
            (kind, low_priority): context.klaviyo.with_priority(rank)
            for kind in ENDPOINTS_BY_KIND
            for low_priority, rank in ranks.items()
        }

    async def on_partition_assigned(self, partition: int) -> None:
        """Do nothing: an operation of this lane may be repeated without harm."""

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True if no request of this kind waits at the rate limiter."""
        return not self.client_for(batch_key).waiting_count

    def is_due(self, batch_key: BatchKey) -> bool:
        """Return True if a request could leave as soon as it is written."""
        return all(
            self.context.klaviyo.send_delay_s(endpoint) <= CUT_AHEAD_S
            for endpoint in ENDPOINTS_BY_KIND[batch_key.kind]
        )

    def client_for(self, batch_key: BatchKey) -> KlaviyoClient:
        """Return the client for the kind and priority of a batch."""
        return self._clients[batch_key.kind, batch_key.low_priority]

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return no keys: ordering keys are enough for this lane."""
        del batch_key, items
        return frozenset()

    async def send(self, batch_key: BatchKey, items: Sequence[LaneItem]) -> BatchResult:
        """Send a batch with the operation of its kind."""
        intents = [item.activation.intent for item in items]
        klaviyo = self.client_for(batch_key)
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
        return OPERATIONS[kind]
