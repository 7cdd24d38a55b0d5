"""The lists lane: members added and taken off, each list found or created first."""

from collections.abc import Iterator, Sequence

from agents.engine.producer import Message
from agents.lanes.clients import LaneClients
from agents.lanes.lane import LaneService
from agents.lanes.options import LaneOptions
from agents.lanes.pending import LaneItem, PendingRecord
from agents.shared.context import Context
from streams.actions.intents import ProfileUpsert
from streams.actions.kinds import identifying_attributes
from streams.audiences.list_mapping import (
    ListMapping,
    ListRequest,
    encode_json,
    list_mapping_of,
)
from streams.delivery.coalescer import BatchKey, Coalescer
from streams.delivery.merge_policies import keep_latest
from streams.delivery.verdict import ItemVerdict, dead_letter
from streams.klaviyo.api.import_jobs import fetch_running_import_ids, wait_for_imports
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.items import (
    Identifier,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.execute import with_dropped_note
from streams.klaviyo.operations.list_members import add_members, remove_members
from streams.klaviyo.operations.profile_patches import patch_profiles

LIST_GONE_VERDICT = dead_letter(
    "list-gone: the list that the event or the settings name is not in Klaviyo; "
    "mend audience_lists or the mapping, then requeue with --from-source"
)


class ListsLane:
    """Adds and removals of list members."""

    def __init__(self, context: Context, options: LaneOptions) -> None:
        self._context = context
        self._clients = LaneClients(context.klaviyo, rank=options.rank)
        self._requested_lists: dict[str, str] = {}
        self._previous_imports: frozenset[str] = frozenset()
        self._members_in_flight: set[tuple[str, Identifier]] = set()
        self.service = LaneService(
            context,
            options=options,
            queue=Coalescer[PendingRecord](keep_latest),
            send=self.send,
            can_send=self.can_send,
            is_due=self._clients.is_due,
        )

    async def on_partition_assigned(self, _partition: int) -> None:
        """A killed owner may have imports running: removals wait for them."""
        self._previous_imports |= await fetch_running_import_ids(self._context.klaviyo)

    def can_send(self, batch_key: BatchKey) -> bool:
        """Whether the list is known and the gate free; asking for it is `ask`'s."""
        if not self._clients.has_no_waiting_request(batch_key):
            return False
        is_resolved = (
            self._list_id(batch_key) or self._list_mapping(batch_key).refusal_reason
        )
        return bool(is_resolved) or batch_key.target not in self._requested_lists

    async def send(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | None:
        """Change one list; None when its audience has no list yet.

        And None while the same is under way for someone of them: an audience and a
        mapping may mean one list, and are no word of each other in the queue.
        """
        if refusal := self._list_mapping(batch_key).refusal_reason:
            return [dead_letter(f"no-list: {refusal}")] * len(items)
        list_id = self._list_id(batch_key)
        if not list_id:
            await self._request_list(batch_key, missing_list_id="")
            return None
        members = {
            (list_id, identifier) for item in items for identifier in _identifiers(item)
        }
        if not members.isdisjoint(self._members_in_flight):
            return None
        self._members_in_flight |= members
        try:
            verdicts = await self._send_batch(batch_key, list_id, items)
        finally:
            self._members_in_flight -= members
        if not isinstance(verdicts, ListGone):
            pairs = zip(verdicts, items, strict=True)
            return [
                with_dropped_note(verdict, item.activation.intent)
                for verdict, item in pairs
            ]
        if batch_key.target.startswith("id:"):
            return [LIST_GONE_VERDICT] * len(items)
        await self._request_list(batch_key, missing_list_id=list_id)
        return None

    async def _send_batch(
        self, batch_key: BatchKey, list_id: str, items: Sequence[LaneItem]
    ) -> list[ItemVerdict] | ListGone:
        klaviyo = self._clients.client_for(batch_key)
        intents = [item.activation.intent for item in items]
        profiles = [identifying_attributes(intent) for intent in intents]
        if batch_key.kind == "patch":
            upserts = [
                intent for intent in intents if isinstance(intent, ProfileUpsert)
            ]
            return await patch_profiles(klaviyo, upserts, list_id=list_id)
        if batch_key.kind == "add":
            bulk_min_items = self._context.settings.bulk_min_items
            return await add_members(
                klaviyo, list_id, profiles, bulk_min_items=bulk_min_items
            )
        previous_imports = self._previous_imports
        await wait_for_imports(klaviyo, previous_imports)
        self._previous_imports -= previous_imports
        return await remove_members(klaviyo, list_id, profiles)

    def _list_id(self, batch_key: BatchKey) -> str:
        list_id = self._list_mapping(batch_key).list_id
        return "" if list_id == self._requested_lists.get(batch_key.target) else list_id

    def _list_mapping(self, batch_key: BatchKey) -> ListMapping:
        kind, _, name = batch_key.target.partition(":")
        if kind == "id":
            return ListMapping(list_id=name)
        return list_mapping_of(self._context.audience_lists.rows, name)

    async def _request_list(self, batch_key: BatchKey, *, missing_list_id: str) -> None:
        self._requested_lists[batch_key.target] = missing_list_id
        audience = batch_key.target.partition(":")[2]
        request = encode_json(
            ListRequest(audience=audience, missing_list_id=missing_list_id)
        )
        topic = self._context.settings.topics.list_requests
        await self._context.producer.send([Message(topic, audience.encode(), request)])


def _identifiers(item: LaneItem) -> Iterator[Identifier]:
    return map(
        normalize_identifier,
        list_identifiers(identifying_attributes(item.activation.intent)),
    )
