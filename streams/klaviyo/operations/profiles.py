"""Operations on profiles: create, update, patch, add to a list, remove from a list."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import msgspec
import orjson

from streams.actions.intents import ConflictPolicy, ProfileUpsert
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import ADD_MEMBERS, REMOVE_MEMBERS, Endpoint
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.results import FinalResult, ListGone
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    BisectResult,
    Profile,
    ProfileItem,
    VerdictCollector,
    encode_profile,
    list_identifiers,
    prepare_items,
    send_with_bisect,
    split_into_rounds,
)
from streams.klaviyo.lookups.lists import is_list_gone
from streams.klaviyo.lookups.profile_lookup import ProfileIds, find_profile_ids
from streams.klaviyo.operations.bulk_import import bulk_import
from streams.klaviyo.operations.upserts import (
    BULK_MIN_ITEMS,
    ProfileWriter,
    split_by_route,
)

_NO_PROFILE = "no-such-profile"
"""Reason code for an item that has no profile in Klaviyo."""

ItemsByProfile: TypeAlias = Mapping[str, list[int]]
"""Klaviyo's profile id -> the indices of its items."""

FindProfileIds: TypeAlias = Callable[[list[ProfileItem]], Awaitable[ProfileIds]]
"""Function that finds the Klaviyo ids of items; other items are settled or unknown."""


async def upsert_profiles(
    client: JobTrackingClient,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict]:
    """Create or update profiles; `null` clears an attribute, absence keeps the value.

    Args:
        client: Sends the requests.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: Smallest number of profiles for a bulk import.
        on_conflict: Treatment of identifiers that belong to two profiles.

    Returns:
        A verdict for each profile, in order.
    """
    collector = VerdictCollector(len(profiles))
    writer = ProfileWriter(
        client=client,
        collector=collector,
        bulk_min_items=bulk_min_items,
        on_conflict=on_conflict,
    )
    for items in split_into_rounds(prepare_items(profiles, verdicts=collector)):
        await writer.write(items)
    return collector.verdicts()


async def patch_profiles(
    client: JobTrackingClient,
    upserts: Sequence[ProfileUpsert],
    *,
    list_id: str = "",
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict] | ListGone:
    """Create or update profiles, and patch custom properties.

    Args:
        client: Sends the requests.
        upserts: Changes to make.
        list_id: Klaviyo's id of a list to add the profiles to; empty for no list.
        on_conflict: Treatment of identifiers that belong to two profiles.

    Returns:
        A verdict for each upsert, in order; or `ListGone`.
    """
    collector = VerdictCollector(len(upserts))
    writer = ProfileWriter(client=client, collector=collector, on_conflict=on_conflict)
    items = prepare_items((upsert.profile for upsert in upserts), verdicts=collector)
    patched_items = [_with_patch(item, upserts[item.index]) for item in items]
    for round_items in split_into_rounds(patched_items):
        await writer.write(round_items)
    verdicts = collector.verdicts()
    return (
        await _add_to_list(client, upserts, verdicts, list_id) if list_id else verdicts
    )


async def add_members(
    client: JobTrackingClient,
    list_id: str,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE,
) -> list[ItemVerdict] | ListGone:
    """Add profiles to a list, and create or update the profiles.

    Many profiles go in a bulk import, which is followed to its end; few profiles are
    upserted separately and added by id. No import is running any more when the verdicts
    are returned. Two profiles that share an identifier are sent in order.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: Smallest number of profiles for a bulk import.
        on_conflict: Treatment of identifiers that belong to two profiles.

    Returns:
        A verdict for each profile, in order; or `ListGone`.
    """
    collector = VerdictCollector(len(profiles))
    writer = ProfileWriter(
        client=client,
        collector=collector,
        bulk_min_items=bulk_min_items,
        on_conflict=on_conflict,
    )
    change = _MembershipChange(
        client=client, endpoint=ADD_MEMBERS, collector=collector, list_id=list_id
    )
    for items in split_into_rounds(prepare_items(profiles, verdicts=collector)):
        written_first, held_back = await writer.hold_back_phones(items)
        for_bulk, remaining = split_by_route(
            written_first, bulk_min_items=bulk_min_items
        )
        if for_bulk:
            refused = await bulk_import(
                client, for_bulk, collector=collector, list_id=list_id
            )
            if isinstance(refused, ListGone):
                return refused
            remaining += refused
        if gone := await change.apply(remaining, writer.write_singly):
            return gone
        await writer.write_phones(held_back)
    return collector.verdicts()


async def remove_members(
    client: JobTrackingClient, list_id: str, profiles: Sequence[Profile]
) -> list[ItemVerdict] | ListGone:
    """Remove profiles from a list; no change for a profile that is not a member.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        profiles: Each with an external id, an email or a phone number.

    Returns:
        A verdict for each profile, in order: discarded as `no-such-profile` where
        Klaviyo has no profile; or `ListGone`.
    """
    collector = VerdictCollector(len(profiles))
    items = []
    for index, profile in enumerate(profiles):
        if list_identifiers(profile, fields=LOOKUP_FIELDS):
            items.append(ProfileItem(index=index, profile=profile))
        else:
            collector.mark_dead_letter(index, "no-identifier")
    change = _MembershipChange(
        client=client, endpoint=REMOVE_MEMBERS, collector=collector, list_id=list_id
    )
    gone = await change.apply(
        items, partial(find_profile_ids, client, collector=collector)
    )
    return collector.verdicts() if gone is None else gone


async def _add_to_list(
    client: JobTrackingClient,
    upserts: Sequence[ProfileUpsert],
    verdicts: list[ItemVerdict],
    list_id: str,
) -> list[ItemVerdict] | ListGone:
    """Add the accepted profiles to the list, by identifiers without attributes."""
    delivered_indices = [
        index
        for index, verdict in enumerate(verdicts)
        if verdict.verdict is Verdict.DELIVERED
    ]
    profiles = [
        dict(list_identifiers(upserts[index].profile)) for index in delivered_indices
    ]
    added = await add_members(client, list_id, profiles)
    if isinstance(added, ListGone):
        return added
    verdict_by_index = dict(zip(delivered_indices, added, strict=True))
    return [
        verdict_by_index.get(index, verdict) for index, verdict in enumerate(verdicts)
    ]


def _with_patch(item: ProfileItem, upsert: ProfileUpsert) -> ProfileItem:
    patch = {
        "unset": list(upsert.unset),
        "append": upsert.append,
        "unappend": upsert.unappend,
    }
    changes = {name: value for name, value in patch.items() if value}
    if not changes:
        return item
    meta = orjson.dumps({"patch_properties": changes})
    resource = encode_profile(item.profile, meta=meta)
    return msgspec.structs.replace(item, resource=resource, meta=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MembershipChange:
    """Change of the members of a list, by profile id.

    Attributes:
        client: Sends the requests.
        endpoint: `ADD_MEMBERS` or `REMOVE_MEMBERS`.
        collector: Receives the verdicts.
        list_id: Klaviyo's id of the list.
    """

    client: KlaviyoApi
    endpoint: Endpoint
    collector: VerdictCollector
    list_id: str

    async def apply(
        self, items: list[ProfileItem], find: FindProfileIds
    ) -> ListGone | None:
        """Find the ids and change the members; look stale ids up again once.

        An id is stale where Klaviyo has merged or deleted the profile since the lookup.
        An item without a profile is a dead letter, or discarded from a removal.
        """
        unknown: list[ProfileItem] = []
        for _ in ("first attempt", "second attempt for stale ids"):
            ids = await find(items)
            unknown += [
                item
                for item in items
                if item.index not in ids and self.collector.is_pending(item.index)
            ]
            stale = await self._send_in_chunks(ids)
            if isinstance(stale, ListGone):
                return stale
            items = [item for item in items if item.index in stale]
        for item in unknown + items:
            if self.endpoint is REMOVE_MEMBERS:
                self.collector.mark_discarded(item.index, _NO_PROFILE)
            else:
                self.collector.mark_dead_letter(item.index, _NO_PROFILE)
        return None

    async def _send_in_chunks(self, ids: ProfileIds) -> set[int] | ListGone:
        """Send all ids, and return the indices of items with a stale id."""
        indices_by_profile: dict[str, list[int]] = {}
        for index, profile_ids in ids.items():
            for profile_id in profile_ids:
                indices_by_profile.setdefault(profile_id, []).append(index)
        profile_ids, items_max = list(indices_by_profile), self.endpoint.limit.items
        send = partial(self._send, indices_by_profile)
        list_check = partial(is_list_gone, self.client, self.list_id)
        stale: set[int] = set()
        for start in range(0, len(profile_ids), items_max):
            result = await send_with_bisect(
                profile_ids[start : start + items_max],
                send=send,
                is_list_gone=list_check,
            )
            if result.is_list_gone:
                return ListGone(list_id=self.list_id)
            stale |= self._record_verdicts(result, indices_by_profile)
        return stale

    async def _send(
        self, indices_by_profile: ItemsByProfile, profile_ids: tuple[str, ...]
    ) -> FinalResult:
        request = requests.change_members(
            self.endpoint, profile_ids, list_id=self.list_id
        )
        answer = await self.client.call(request)
        indices = (
            index
            for profile_id in profile_ids
            for index in indices_by_profile[profile_id]
        )
        self.collector.count_attempts(indices, attempts=answer.attempts)
        return answer

    def _record_verdicts(
        self, result: BisectResult[str], indices_by_profile: ItemsByProfile
    ) -> set[int]:
        for profile_ids, answer in result.accepted:
            for profile_id in profile_ids:
                self.collector.mark_delivered(
                    indices_by_profile[profile_id], status=answer.status
                )
        stale: set[int] = set()
        for rejected in result.rejected:
            if rejected.is_not_found:
                stale.update(indices_by_profile[rejected.item])
                continue
            for index in indices_by_profile[rejected.item]:
                self.collector.mark_dead_letter(
                    index, rejected.reason, status=rejected.status
                )
        return stale
