"""The lists lane: adds and removes members; lists of audiences are resolved first."""

import asyncio
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final, NamedTuple

from agents.engine.producer import Message
from agents.engine.watchdog import end_process
from agents.lanes.lane import BatchResult, LaneOptions, NotNow, Verdicts
from agents.lanes.pending import LaneItem
from agents.lanes.simple import SimpleLane
from agents.shared.context import Context
from streams.actions.activation import ByAudience, ById, ListRef
from streams.actions.intents import (
    Intent,
    ListAdd,
    ProfileUpsert,
    identifying_attributes,
)
from streams.audiences.list_mapping import (
    NO_LIST_MAPPING,
    ListMapping,
    ListRequest,
    encode_json,
    list_mapping_of,
)
from streams.delivery.coalescer import BatchKey
from streams.delivery.merge_policies import keep_latest
from streams.delivery.verdict import Reason, dead_letter
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.import_jobs import fetch_running_import_ids, wait_for_imports
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.items import Identifier, list_identifiers
from streams.klaviyo.execute import with_dropped_note
from streams.klaviyo.operations.address_change import change_addresses
from streams.klaviyo.operations.profiles import add_members, remove_members
from streams.klaviyo.operations.upserts import patch_profiles

LIST_GONE_VERDICT = dead_letter(
    "list-gone: the list that the event or the settings name is not in Klaviyo; "
    "correct audience_lists or the mapping, then requeue with --from-source"
)

REMOVALS: Final = "removals"
"""Reservation that holds back all removals."""


class MemberKey(NamedTuple):
    """Key of a list member: the list, with a single identifier of the member."""

    list_id: str
    identifier: Identifier


class ListsLane(SimpleLane):
    """Lane of list changes.

    An audience and a mapping may mean the same list, with ordering keys of their own:
    so batches also reserve the members they change.
    """

    def __init__(self, context: Context, options: LaneOptions) -> None:
        super().__init__(context, options, merge=keep_latest)
        self._requested_lists: dict[ListRef | None, str] = {}
        self._previous_imports: frozenset[str] = frozenset()
        self._imports_wait: asyncio.Task[None] | None = None

    async def on_partition_assigned(self, partition: int) -> None:
        """Hold back removals until imports of the previous owner are finished.

        A killed owner's import could add a member back after the removal.
        """
        del partition
        self._previous_imports |= await fetch_running_import_ids(self.context.klaviyo)
        if self._previous_imports:
            self.reservations.reserve([REMOVALS])
            if self._imports_wait is None:
                self._imports_wait = asyncio.create_task(self._wait_for_imports())
                self._imports_wait.add_done_callback(self._on_wait_done)

    def can_send(self, batch_key: BatchKey) -> bool:
        """Return True if the list may change, or must be asked for first."""
        now_s = asyncio.get_running_loop().time()
        is_removal = batch_key.kind == "remove"
        if is_removal and not self.reservations.is_free(REMOVALS, now_s=now_s):
            return False
        mapping = self._list_mapping(batch_key)
        if mapping.list_id or mapping.refusal_reason:
            return True
        return batch_key.list_ref not in self._requested_lists

    def exclusive_keys(
        self, batch_key: BatchKey, items: Sequence[LaneItem]
    ) -> AbstractSet[Hashable]:
        """Return the members that a batch changes."""
        list_id = self._list_mapping(batch_key).list_id
        if not list_id:
            return frozenset()
        return {
            MemberKey(list_id, identifier)
            for item in items
            for identifier in list_identifiers(
                identifying_attributes(item.activation.intent)
            )
        }

    async def send(
        self,
        klaviyo: KlaviyoClient,
        batch_key: BatchKey,
        items: Sequence[LaneItem],
    ) -> BatchResult:
        """Change a list; `NotNow` while the audience has no list."""
        mapping = self._list_mapping(batch_key)
        if mapping.refusal_reason:
            reason = Reason("no-list", mapping.refusal_reason)
            return [dead_letter(str(reason))] * len(items)
        list_id = mapping.list_id
        if not list_id:
            await self._request_list(batch_key, missing_list_id="")
            return NotNow()
        intents = [item.activation.intent for item in items]
        change = partial(self._change_members, klaviyo, batch_key.kind, list_id)
        updates = [i for i in intents if isinstance(i, ListAdd | ProfileUpsert)]
        if any(update.previous_emails for update in updates):
            verdicts = await change_addresses(klaviyo, updates, send=change)
        else:
            verdicts = await change(intents)
        if not isinstance(verdicts, ListGone):
            pairs = zip(verdicts, intents, strict=True)
            return [with_dropped_note(verdict, intent) for verdict, intent in pairs]
        if isinstance(batch_key.list_ref, ById):
            return [LIST_GONE_VERDICT] * len(items)
        await self._request_list(batch_key, missing_list_id=list_id)
        return NotNow()

    async def _change_members(
        self,
        klaviyo: KlaviyoClient,
        kind: str,
        list_id: str,
        intents: Sequence[Intent],
    ) -> Verdicts | ListGone:
        on_conflict = self.context.destination.identity_rules.on_conflict
        profiles = [identifying_attributes(intent) for intent in intents]
        match kind:
            case "patch":
                patches = [i for i in intents if isinstance(i, ProfileUpsert)]
                return await patch_profiles(
                    klaviyo, patches, list_id=list_id, on_conflict=on_conflict
                )
            case "add":
                bulk_min_items = self.context.settings.bulk_min_items
                return await add_members(
                    klaviyo,
                    list_id,
                    profiles,
                    bulk_min_items=bulk_min_items,
                    on_conflict=on_conflict,
                )
            case _:
                return await remove_members(klaviyo, list_id, profiles)

    def _list_mapping(self, batch_key: BatchKey) -> ListMapping:
        """Return the mapping to a list; the list id is empty if unknown or gone."""
        match batch_key.list_ref:
            case ById(list_id):
                return ListMapping(list_id=list_id)
            case ByAudience(audience) as list_ref:
                mapping = list_mapping_of(self.context.audience_lists.rows, audience)
                missing_list_id = self._requested_lists.get(list_ref)
                is_gone = mapping.list_id and mapping.list_id == missing_list_id
                return NO_LIST_MAPPING if is_gone else mapping
            case None:
                return NO_LIST_MAPPING

    async def _request_list(self, batch_key: BatchKey, *, missing_list_id: str) -> None:
        """Ask the list resolver for the list of an audience."""
        list_ref = batch_key.list_ref
        audience = list_ref.key if isinstance(list_ref, ByAudience) else ""
        self._requested_lists[list_ref] = missing_list_id
        request = encode_json(
            ListRequest(audience=audience, missing_list_id=missing_list_id)
        )
        topic = self.context.topics.list_requests
        await self.context.producer.send([Message(topic, audience.encode(), request)])

    async def _wait_for_imports(self) -> None:
        while pending_imports := self._previous_imports:
            await wait_for_imports(self.context.klaviyo, pending_imports)
            self._previous_imports -= pending_imports
        self._imports_wait = None
        self.reservations.release([REMOVALS])

    def _on_wait_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            end_process(f"deliver.{self.options.lane}: {type(fault).__name__}")
