"""Consent withdrawn, and never more of it than was asked."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api.endpoints import UNSUBSCRIBE
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import ProfileItem
from streams.klaviyo.batching.submit import LIST_NOT_FOUND, submit_items
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.member_lookup import MemberIds, find_list_members
from streams.klaviyo.lookups.profile_lookup import ProfileLookup
from streams.klaviyo.operations.leaving_members import (
    UNSUBSCRIBED_CONSENT,
    addresses_of,
    collect_leaving_members,
)
from streams.klaviyo.operations.list_unsubscribe import ListUnsubscriber
from streams.klaviyo.operations.subscribe import consent_fault
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_items import Channel, UnsubscribeItem

NOT_ON_LIST = "not-on-list"


async def unsubscribe(
    client: KlaviyoApi, items: Sequence[UnsubscribeItem]
) -> list[ItemVerdict]:
    """Unsubscribe profiles: from a list, or globally where none is named.

    Klaviyo unsubscribes globally who is not on the list that is named. So who is on it
    is asked first, and the others are left alone unless their item says `everywhere`.

    Args:
        client: Sends the requests.
        items: The profiles, and what they withdraw.

    Returns:
        A verdict for each item, in order: discarded as `not-on-list` for others than
        members, as `duplicate` where it says what an earlier one says. `delivered` has
        the reason `not-on-list: ...` where one of two addresses was left alone.
    """
    return await deduplicate(
        items, key=_duplicate_key, send=partial(_unsubscribe, client)
    )


async def _unsubscribe(
    client: KlaviyoApi, items: Sequence[UnsubscribeItem]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(items))
    global_items: dict[int, UnsubscribeItem] = {}
    items_by_list: dict[str, dict[int, UnsubscribeItem]] = defaultdict(dict)
    for index, item in enumerate(items):
        fault = _fault(item)
        if fault:
            collector.mark_dead_letter(index, fault)
        elif item.list_id:
            items_by_list[item.list_id][index] = item
        else:
            global_items[index] = item
    guards = [
        _ListGuard(client, list_id, collector=collector) for list_id in items_by_list
    ]
    await asyncio.gather(
        *map(_ListGuard.unsubscribe_members, guards, items_by_list.values())
    )
    for guard in guards:
        global_items |= guard.global_items
    await _submit(client, global_items, collector=collector)
    partial_indices = set[int]().union(*(guard.partial_indices for guard in guards))
    return _with_partial_note(collector.verdicts(), partial_indices)


async def _submit(
    client: KlaviyoApi,
    items: Mapping[int, UnsubscribeItem],
    *,
    collector: VerdictCollector,
) -> None:
    """Unsubscribe globally, which bears to be asked twice."""
    encoded = [
        ProfileItem(index=index, profile={}, resource=_resource(item))
        for index, item in items.items()
    ]
    await submit_items(
        client,
        encoded,
        build_request=partial(consent_requests.unsubscribe_profiles, list_id=""),
        limit=UNSUBSCRIBE.limit,
        verdicts=collector,
        list_id="",
    )


class _ListGuard:
    """Lets members of one list go, and nobody else.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        collector: Takes the verdicts.

    Attributes:
        partial_indices: Places of items one address of which is not on the list.
        global_items: What is to be unsubscribed globally, because its item says so.
    """

    def __init__(
        self, client: KlaviyoApi, list_id: str, *, collector: VerdictCollector
    ) -> None:
        self._client = client
        self._list_id = list_id
        self._collector = collector
        self.partial_indices: set[int] = set()
        self.global_items: dict[int, UnsubscribeItem] = {}

    async def unsubscribe_members(self, items: Mapping[int, UnsubscribeItem]) -> None:
        """Unsubscribe members."""
        addresses_by_index = {
            index: addresses_of(item) for index, item in items.items()
        }
        member_ids = await find_list_members(
            self._client,
            addresses_by_index,
            list_id=self._list_id,
            collector=self._collector,
        )
        if member_ids is None:
            self._dead_letter_all(items)
            return
        on_list = {
            index: item
            for index, item in items.items()
            if self._accept(index, item, member_ids)
        }
        non_member_indices = await self._find_non_members(on_list, member_ids)
        on_list = {
            index: item
            for index, item in on_list.items()
            if self._collector.is_pending(index)
        }
        leaving = collect_leaving_members(
            on_list, member_ids, non_member_indices=non_member_indices
        )
        unsubscriber = ListUnsubscriber(
            self._client, self._list_id, collector=self._collector
        )
        if not await unsubscriber.unsubscribe(leaving):
            self._dead_letter_all(on_list)
            return
        for index in non_member_indices & on_list.keys():
            self._handle_other_address(
                index, on_list[index], member_fields=member_ids[index]
            )

    def _accept(self, index: int, item: UnsubscribeItem, member_ids: MemberIds) -> bool:
        """Say whether an item is to go on; settle it where nobody has its address."""
        if index in member_ids or not self._collector.is_pending(index):
            return self._collector.is_pending(index)
        if item.everywhere:
            self.global_items[index] = msgspec.structs.replace(item, list_id=None)
        else:
            self._collector.mark_discarded(index, NOT_ON_LIST)
        return False

    def _handle_other_address(
        self, index: int, item: UnsubscribeItem, *, member_fields: Mapping[str, object]
    ) -> None:
        """See to the address of an item that is not on the list."""
        if not item.everywhere:
            self.partial_indices.add(index)
            return
        member_addresses = dict.fromkeys(
            addresses_of(item).keys() & member_fields.keys()
        )
        channels = frozenset(
            channel
            for channel in item.channels
            if channel.address_field not in member_addresses
        )
        self.global_items[index] = msgspec.structs.replace(
            item, list_id=None, channels=channels, **member_addresses
        )

    async def _find_non_members(
        self, items: Mapping[int, UnsubscribeItem], member_ids: MemberIds
    ) -> set[int]:
        """Find items one of whose addresses belongs to someone not on the list."""
        unmatched = {
            index: (name, value)
            for index, item in items.items()
            for name, value in addresses_of(item).items()
            if name not in member_ids[index]
        }
        lookup = ProfileLookup(self._client, self._collector, unmatched)
        await lookup.run()
        return set(lookup.profile_ids())

    def _dead_letter_all(self, items: Mapping[int, UnsubscribeItem]) -> None:
        for index in items:
            self._collector.mark_dead_letter(index, LIST_NOT_FOUND, status=404)


def _fault(item: UnsubscribeItem) -> str:
    if Channel.PUSH in item.channels and not item.push_tokens:
        return "no-push-token: needed for push.marketing"
    return consent_fault(item)


def _resource(item: UnsubscribeItem) -> bytes:
    return consent_requests.consent_resource(
        addresses_of(item),
        item.channels,
        consent=UNSUBSCRIBED_CONSENT,
        push_tokens=item.push_tokens,
    )


def _duplicate_key(item: UnsubscribeItem) -> tuple[str, bool, bytes] | None:
    if _fault(item):
        return None
    return item.list_id or "", item.everywhere, _resource(item)


def _with_partial_note(
    verdicts: list[ItemVerdict], partial_indices: set[int]
) -> list[ItemVerdict]:
    """Say of which items one address was left alone."""
    reason = f"{NOT_ON_LIST}: one of its addresses"
    for index in partial_indices:
        if verdicts[index].verdict is Verdict.DELIVERED:
            verdicts[index] = msgspec.structs.replace(verdicts[index], reason=reason)
    return verdicts
