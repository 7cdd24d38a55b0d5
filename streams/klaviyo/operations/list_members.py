"""Members of a list: added and removed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from streams.chunks import chunk_by_weight
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import ADD_MEMBERS, REMOVE_MEMBERS, Endpoint
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.pagination import list_exists
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.results import FinalResult, ListGone
from streams.klaviyo.batching.bisect import BisectResult, send_with_bisect
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    Profile,
    ProfileItem,
    list_identifiers,
    prepare_items,
    split_into_rounds,
)
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.profile_lookup import ProfileIds, find_profile_ids
from streams.klaviyo.operations.bulk_import import bulk_import
from streams.klaviyo.operations.profiles import BULK_MIN_ITEMS, upsert_singly

_NO_PROFILE = "no-such-profile"

ItemsByProfile: TypeAlias = Mapping[str, list[int]]
"""Klaviyo's profile id → the places of its items."""

FindProfileIds: TypeAlias = Callable[[list[ProfileItem]], Awaitable[ProfileIds]]
"""Finds the Klaviyo ids of items; those it leaves out are settled or unknown."""


async def add_members(
    client: JobTrackingClient,
    list_id: str,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
) -> list[ItemVerdict] | ListGone:
    """Add profiles to a list, creating or updating them on the way.

    Many go in a bulk import, which is followed to its end; few are upserted one by one
    and added by id. When the verdicts are there, nothing of it runs any more. Two
    profiles with an identifier in common go one after the other, in order.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: From how many on a bulk import is used.

    Returns:
        A verdict for each profile, in order; or that the list is gone.
    """
    collector = VerdictCollector(len(profiles))
    for items in split_into_rounds(prepare_items(profiles, verdicts=collector)):
        if len(items) >= bulk_min_items:
            is_gone = await bulk_import(
                client, items, collector=collector, list_id=list_id
            )
        else:
            is_gone = await _add_singly(
                client, items, collector=collector, list_id=list_id
            )
        if is_gone:
            return ListGone(list_id=list_id)
    return collector.verdicts()


async def remove_members(
    client: JobTrackingClient, list_id: str, profiles: Sequence[Profile]
) -> list[ItemVerdict] | ListGone:
    """Remove profiles from a list; who is not on it stays off it.

    Args:
        client: Sends the requests.
        list_id: Klaviyo's id of the list.
        profiles: Each with an external id, an email or a phone number.

    Returns:
        A verdict for each profile, in order: discarded as `no-such-profile` where
        Klaviyo knows none; or that the list is gone.
    """
    collector = VerdictCollector(len(profiles))
    items = [
        ProfileItem(index=index, profile=profile)
        for index, profile in enumerate(profiles)
        if _require_identifier(index, profile, collector=collector)
    ]
    change = _MembershipChange(
        client, REMOVE_MEMBERS, collector=collector, list_id=list_id
    )
    unknown = await change.apply(
        items, partial(find_profile_ids, client, collector=collector)
    )
    if unknown is None:
        return ListGone(list_id=list_id)
    for item in unknown:
        collector.mark_discarded(item.index, _NO_PROFILE)
    return collector.verdicts()


async def _add_singly(
    client: JobTrackingClient,
    items: list[ProfileItem],
    *,
    collector: VerdictCollector,
    list_id: str,
) -> bool:
    """Upsert one by one, then add all by id; say whether the list is gone."""
    change = _MembershipChange(
        client, ADD_MEMBERS, collector=collector, list_id=list_id
    )
    unknown = await change.apply(
        items, partial(upsert_singly, client, collector=collector)
    )
    for item in unknown or ():
        collector.mark_dead_letter(item.index, _NO_PROFILE)
    return unknown is None


def _require_identifier(
    index: int, profile: Profile, *, collector: VerdictCollector
) -> bool:
    if list_identifiers(profile, fields=LOOKUP_FIELDS):
        return True
    collector.mark_dead_letter(index, "no-identifier")
    return False


class _MembershipChange:
    """Changes the members of one list by profile id.

    Args:
        client: Sends the requests.
        endpoint: `ADD_MEMBERS` or `REMOVE_MEMBERS`.
        collector: Takes the verdicts.
        list_id: Klaviyo's id of the list.
    """

    def __init__(
        self,
        client: KlaviyoApi,
        endpoint: Endpoint,
        *,
        collector: VerdictCollector,
        list_id: str,
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._collector = collector
        self._list_id = list_id

    async def apply(
        self, items: list[ProfileItem], find: FindProfileIds
    ) -> list[ProfileItem] | None:
        """Find the ids and change the members; what is stale is found anew, once.

        Returns:
            Items without a profile; None when the list is gone.
        """
        unknown: list[ProfileItem] = []
        for _ in ("with the ids found", "with the stale ones found anew"):
            ids = await find(items)
            unknown += [
                item
                for item in items
                if item.index not in ids and self._collector.is_pending(item.index)
            ]
            stale = await self._send_in_chunks(ids)
            if stale is None:
                return None
            items = [item for item in items if item.index in stale]
        return unknown + items

    async def _send_in_chunks(self, ids: ProfileIds) -> set[int] | None:
        """Send all ids; give the places of the stale ones, None without a list."""
        indices_by_profile: dict[str, list[int]] = {}
        for index, profile_ids in ids.items():
            for profile_id in profile_ids:
                indices_by_profile.setdefault(profile_id, []).append(index)
        chunks = chunk_by_weight(
            indices_by_profile,
            count_max=self._endpoint.limit.items,
            weight=len,
            weight_max=self._endpoint.limit.body_bytes,
        )
        send = partial(self._send, indices_by_profile)
        stale: set[int] = set()
        for chunk in chunks:
            result = await send_with_bisect(
                chunk, send=send, is_list_gone=self._is_list_gone
            )
            if result.is_list_gone:
                return None
            stale |= self._record_verdicts(result, indices_by_profile)
        return stale

    async def _send(
        self, indices_by_profile: ItemsByProfile, profile_ids: tuple[str, ...]
    ) -> FinalResult:
        request = requests.change_members(
            self._endpoint, profile_ids, list_id=self._list_id
        )
        answer = await self._client.call(request)
        indices = (
            index
            for profile_id in profile_ids
            for index in indices_by_profile[profile_id]
        )
        self._collector.count_attempts(indices, attempts=answer.attempts)
        return answer

    async def _is_list_gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)

    def _record_verdicts(
        self, result: BisectResult[str], indices_by_profile: ItemsByProfile
    ) -> set[int]:
        for profile_ids, answer in result.accepted:
            for profile_id in profile_ids:
                self._collector.mark_delivered(
                    indices_by_profile[profile_id], status=answer.status
                )
        stale: set[int] = set()
        for refused in result.rejected:
            if refused.is_not_found:
                stale.update(indices_by_profile[refused.item])
                continue
            for index in indices_by_profile[refused.item]:
                self._collector.mark_dead_letter(
                    index, refused.reason, status=refused.status
                )
        return stale
