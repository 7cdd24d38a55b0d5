"""Operation that unsubscribes profiles, from a list or globally."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

import msgspec

from streams.actions.intents import Channel, ConsentChange
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.endpoints import UNSUBSCRIBE
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import ProfileItem, VerdictCollector
from streams.klaviyo.batching.submit import LIST_NOT_FOUND, submit_items
from streams.klaviyo.lookups.member_lookup import MemberIds, find_list_members
from streams.klaviyo.lookups.profile_lookup import ProfileLookup
from streams.klaviyo.operations.list_unsubscribe import (
    ListUnsubscriber,
    collect_leaving_members,
)
from streams.klaviyo.operations.refused_phones import send_despite_phones
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_changes import (
    channel_addresses,
    channels_of,
    consent_fault,
    unsubscribe_resource,
)

NOT_ON_LIST = "not-on-list"
"""Reason code for an address of a profile that is not on the list."""


async def unsubscribe(
    client: KlaviyoApi, changes: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    """Unsubscribe profiles: from a list, or globally without a list.

    Klaviyo unsubscribes a profile globally that is not on the list of the request. So
    the members of the list are looked up first; other profiles keep their consent,
    unless their change says `everywhere`.

    Args:
        client: Sends the requests.
        changes: Profiles with the consent that each profile withdraws.

    Returns:
        A verdict for each change, in order: discarded as `not-on-list` for a profile
        that is not a member, as `duplicate` where an earlier change is equal.
        `delivered` has the reason `not-on-list: ...` where one of two addresses kept
        its consent, and `dropped: ...` where a refused phone number was left out.
    """
    return await deduplicate(
        changes,
        key=_duplicate_key,
        send=partial(send_despite_phones, send=partial(_unsubscribe, client)),
    )


async def _unsubscribe(
    client: KlaviyoApi, changes: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(changes))
    global_changes: dict[int, ConsentChange] = {}
    changes_by_list: dict[str, dict[int, ConsentChange]] = defaultdict(dict)
    for index, change in enumerate(changes):
        fault = _fault(change)
        if fault:
            collector.mark_dead_letter(index, fault)
        elif change.list_id:
            changes_by_list[change.list_id][index] = change
        else:
            global_changes[index] = change
    guards = [
        _ListGuard(client, list_id, collector=collector) for list_id in changes_by_list
    ]
    await asyncio.gather(
        *map(_ListGuard.unsubscribe_members, guards, changes_by_list.values())
    )
    for guard in guards:
        global_changes |= guard.global_changes
    await _submit(client, global_changes, collector=collector)
    partial_indices = set[int]().union(*(guard.partial_indices for guard in guards))
    return _with_partial_note(collector.verdicts(), partial_indices)


async def _submit(
    client: KlaviyoApi,
    changes: Mapping[int, ConsentChange],
    *,
    collector: VerdictCollector,
) -> None:
    """Unsubscribe profiles globally; sending such a request twice is harmless."""
    items = [
        ProfileItem(index=index, profile={}, resource=unsubscribe_resource(change))
        for index, change in changes.items()
    ]
    await submit_items(
        client,
        items,
        build_request=consent_requests.unsubscribe_profiles,
        limit=UNSUBSCRIBE.limit,
        verdicts=collector,
    )


class _ListGuard:
    """Unsubscriber for members of a list that protects all other profiles.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        collector: Receives the verdicts.

    Attributes:
        partial_indices: Indices of changes with an address that is not on the list.
        global_changes: Changes to make globally, because of their `everywhere`.
    """

    def __init__(
        self, client: KlaviyoApi, list_id: str, *, collector: VerdictCollector
    ) -> None:
        self._client = client
        self._list_id = list_id
        self._collector = collector
        self.partial_indices: set[int] = set()
        self.global_changes: dict[int, ConsentChange] = {}

    async def unsubscribe_members(self, changes: Mapping[int, ConsentChange]) -> None:
        """Unsubscribe the members among the profiles of the changes."""
        member_ids = await find_list_members(
            self._client,
            {index: channel_addresses(change) for index, change in changes.items()},
            list_id=self._list_id,
            collector=self._collector,
        )
        if isinstance(member_ids, ListGone):
            self._dead_letter_all(changes)
            return
        on_list = {
            index: change
            for index, change in changes.items()
            if self._accept(index, change, member_ids)
        }
        non_member_indices = await self._find_non_members(on_list, member_ids)
        await self._send(
            {
                index: change
                for index, change in on_list.items()
                if self._collector.is_pending(index)
            },
            member_ids,
            non_member_indices=non_member_indices,
        )

    async def _send(
        self,
        changes: Mapping[int, ConsentChange],
        member_ids: MemberIds,
        *,
        non_member_indices: AbstractSet[int],
    ) -> None:
        """Unsubscribe members, then settle the addresses that are not on the list."""
        leaving = collect_leaving_members(
            changes, member_ids, non_member_indices=non_member_indices
        )
        unsubscriber = ListUnsubscriber(
            self._client, self._list_id, collector=self._collector
        )
        if await unsubscriber.unsubscribe(leaving) is not None:
            self._dead_letter_all(changes)
            return
        for index in non_member_indices & changes.keys():
            self._handle_other_address(
                index, changes[index], member_fields=member_ids[index]
            )

    def _accept(self, index: int, change: ConsentChange, member_ids: MemberIds) -> bool:
        """Return True for a change with a member; settle any other change."""
        if index in member_ids or not self._collector.is_pending(index):
            return self._collector.is_pending(index)
        if change.everywhere:
            self.global_changes[index] = msgspec.structs.replace(change, list_id="")
        else:
            self._collector.mark_discarded(index, NOT_ON_LIST)
        return False

    def _handle_other_address(
        self, index: int, change: ConsentChange, *, member_fields: Mapping[str, object]
    ) -> None:
        """Settle the address of a change that is not on the list."""
        if not change.everywhere:
            self.partial_indices.add(index)
            return
        unsubscribed = channel_addresses(change).keys() & member_fields.keys()
        self.global_changes[index] = msgspec.structs.replace(
            change,
            list_id="",
            channels=tuple(
                channel
                for channel in sorted(channels_of(change))
                if channel.address_field not in unsubscribed
            ),
            profile={
                field: value
                for field, value in change.profile.items()
                if field not in unsubscribed
            },
        )

    async def _find_non_members(
        self, changes: Mapping[int, ConsentChange], member_ids: MemberIds
    ) -> set[int]:
        """Find changes with an address of a profile that is not on the list."""
        unmatched = {
            index: (field, value)
            for index, change in changes.items()
            for field, value in channel_addresses(change).items()
            if field not in member_ids[index]
        }
        lookup = ProfileLookup(self._client, self._collector, unmatched)
        await lookup.run()
        return set(lookup.profile_ids())

    def _dead_letter_all(self, changes: Mapping[int, ConsentChange]) -> None:
        for index in changes:
            self._collector.mark_dead_letter(index, LIST_NOT_FOUND, status=404)


def _fault(change: ConsentChange) -> str:
    if Channel.PUSH in change.channels and not change.push_tokens:
        return "no-push-token: needed for push.marketing"
    return consent_fault(change)


def _duplicate_key(change: ConsentChange) -> tuple[str, bool, bytes] | None:
    if _fault(change):
        return None
    return change.list_id, change.everywhere, unsubscribe_resource(change)


def _with_partial_note(
    verdicts: list[ItemVerdict], partial_indices: set[int]
) -> list[ItemVerdict]:
    """Add the reason to delivered changes with an address that is not on the list."""
    reason = f"{NOT_ON_LIST}: one of its addresses"
    for index in partial_indices:
        if verdicts[index].verdict is Verdict.DELIVERED:
            verdicts[index] = msgspec.structs.replace(verdicts[index], reason=reason)
    return verdicts
