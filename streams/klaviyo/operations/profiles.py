"""Profiles: written singly or in bulk, added to a list, removed from a list."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeAlias

from streams.actions.intents import ConflictPolicy
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api import requests
from streams.klaviyo.api.endpoints import ADD_MEMBERS, REMOVE_MEMBERS, Endpoint
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import (
    Accepted,
    Conflict,
    FinalResult,
    ListGone,
    Rejected,
)
from streams.klaviyo.batching.items import (
    LOOKUP_FIELDS,
    BisectResult,
    Profile,
    ProfileItem,
    VerdictCollector,
    encode_profile,
    identifiers_only,
    list_identifiers,
    prepare_items,
    send_with_bisect,
    split_into_rounds,
)
from streams.klaviyo.lookups.lists import is_list_gone
from streams.klaviyo.lookups.profile_lookup import ProfileIds, find_profile_ids
from streams.klaviyo.operations.bulk_import import bulk_import
from streams.klaviyo.operations.conflicts import (
    CONFLICT_FIELDS,
    settle_conflict,
    without_fields,
)

BULK_MIN_ITEMS: Final = 4
"""Smallest number of profiles for which a bulk import needs fewer requests."""

OK: Final = 200
"""HTTP status of an updated profile; a verdict has the same for a new profile (201)."""

_STRONGER: Final = ("id", "external_id", "email")
"""Identifiers that Klaviyo ranks above a phone number."""

_NO_PROFILE = "no-such-profile"
"""Reason code for an item that has no profile in Klaviyo."""

ItemsByProfile: TypeAlias = Mapping[str, list[int]]
"""Klaviyo's profile id -> the indices of its items."""

FindProfileIds: TypeAlias = Callable[[list[ProfileItem]], Awaitable[ProfileIds]]
"""Function that finds the Klaviyo ids of items; other items are settled or unknown."""


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
        remaining = await writer.import_in_bulk(written_first, list_id=list_id)
        if isinstance(remaining, ListGone):
            return remaining
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileWriter:
    """Writer of the profiles of an operation.

    An update with a known phone number and an unknown address gives the number's owner
    that address. So a person whom Klaviyo does not know yet is written without the
    phone number first, and gets it once the profile exists: then the number can only be
    refused, and is left out.

    Attributes:
        client: Sends the requests.
        collector: Receives the verdicts.
        bulk_min_items: Smallest number of profiles for a bulk import.
        on_conflict: Treatment of identifiers that belong to two profiles.
    """

    client: JobTrackingClient
    collector: VerdictCollector
    bulk_min_items: int = BULK_MIN_ITEMS
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE

    async def write(self, items: Sequence[ProfileItem]) -> None:
        """Create or update profiles that share no identifier."""
        written_first, held_back = await self.hold_back_phones(items)
        await self.write_as_is(written_first)
        await self.write_phones(held_back)

    async def hold_back_phones(
        self, items: Sequence[ProfileItem]
    ) -> tuple[list[ProfileItem], list[ProfileItem]]:
        """Remove phone numbers where Klaviyo knows the person at most by the number.

        Returns:
            All items, and those of them that had a number, for `write_phones`.
        """
        with_phone = [
            item
            for item in items
            if item.profile.get("phone_number")
            and any(map(item.profile.get, _STRONGER))
        ]
        if not with_phone:
            return [*items], []
        collector = VerdictCollector(1 + max(item.index for item in with_phone))
        found = await find_profile_ids(self.client, with_phone, collector=collector)
        held_back = {i.index: i for i in with_phone if i.index not in found}
        written_first = [
            without_fields(item, "phone_number") if item.index in held_back else item
            for item in items
        ]
        return written_first, [*held_back.values()]

    async def write_as_is(self, items: list[ProfileItem]) -> None:
        """Create or update profiles with all that the items hold."""
        singles = await self.import_in_bulk(items)
        if not isinstance(singles, ListGone):
            ids = await self.write_singly(singles)
            self.collector.mark_delivered(ids, status=OK)

    async def import_in_bulk(
        self, items: Iterable[ProfileItem], *, list_id: str = ""
    ) -> list[ProfileItem] | ListGone:
        """Import items in bulk, and return the items that need a request each.

        Klaviyo clears no attribute in a bulk import (its bulk guide of 2026-11-09).
        """
        for_bulk: list[ProfileItem] = []
        singles: list[ProfileItem] = []
        for item in items:
            nested = (item.profile.get(name) for name in ("location", "properties"))
            objects = [item.profile, *(o for o in nested if isinstance(o, Mapping))]
            clears_one = any(None in values.values() for values in objects)
            (singles if clears_one else for_bulk).append(item)
        if len(for_bulk) < self.bulk_min_items:
            return for_bulk + singles
        refused = await bulk_import(
            self.client, for_bulk, collector=self.collector, list_id=list_id
        )
        return refused if isinstance(refused, ListGone) else singles + refused

    async def write_phones(self, items: Iterable[ProfileItem]) -> None:
        """Add the phone numbers to profiles that were written without phone numbers."""
        phones = [
            _only_phone(item)
            for item in items
            if self.collector.is_delivered(item.index)
        ]
        if not phones:
            return
        collector = VerdictCollector(1 + max(phone.index for phone in phones))
        await replace(self, collector=collector).write_as_is(phones)
        for phone in phones:
            self.collector.copy_notes(phone.index, collector, what="phone-refused")

    async def write_singly(self, items: Iterable[ProfileItem]) -> dict[int, list[str]]:
        """Create or update profiles with a request each; resolve conflicts.

        Returns:
            Index of an item -> its Klaviyo id, for accepted items; the other items are
            dead letters.
        """
        items = list(items)
        answers = await asyncio.gather(*map(self._upsert, items))
        ids = {}
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Accepted):
                ids[item.index] = [single_resource_id(answer.data)]
            else:
                self.collector.mark_dead_letter(
                    item.index, answer.reason, status=answer.status
                )
        return ids

    async def _upsert(self, item: ProfileItem) -> FinalResult:
        """Create or update a profile; resolve conflicts, and note omitted fields."""
        current = item
        for _ in CONFLICT_FIELDS:  # each round leaves out or settles at least one
            answer = await self.client.call(requests.upsert_profile(current.resource))
            self.collector.attempts[item.index] += answer.attempts
            if not isinstance(answer, Conflict):
                return answer
            resolution = await settle_conflict(
                self.client,
                current,
                collector=self.collector,
                on_conflict=self.on_conflict,
            )
            if resolution.item is None:
                return Rejected(status=answer.status, reason=resolution.reason)
            if resolution.reason:
                self.collector.note(item.index, resolution.reason)
            current = resolution.item
        return answer


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
            indices_by_profile: defaultdict[str, list[int]] = defaultdict(list)
            for index, profile_ids in ids.items():
                for profile_id in profile_ids:
                    indices_by_profile[profile_id].append(index)
            result = await send_with_bisect(
                list(indices_by_profile),
                send=partial(self._send, indices_by_profile),
                is_list_gone=partial(is_list_gone, self.client, self.list_id),
                items_max=self.endpoint.limit.items,
            )
            if result.is_list_gone:
                return ListGone(list_id=self.list_id)
            stale = self._record_verdicts(result, indices_by_profile)
            items = [item for item in items if item.index in stale]
        self._mark_unknown(unknown + items)
        return None

    async def _send(
        self, indices_by_profile: ItemsByProfile, profile_ids: tuple[str, ...]
    ) -> FinalResult:
        request = requests.change_members(
            self.endpoint, profile_ids, list_id=self.list_id
        )
        answer = await self.client.call(request)
        for profile_id in profile_ids:
            indices = indices_by_profile[profile_id]
            self.collector.count_attempts(indices, attempts=answer.attempts)
        return answer

    def _mark_unknown(self, items: Iterable[ProfileItem]) -> None:
        for item in items:
            if self.endpoint is REMOVE_MEMBERS:
                self.collector.mark_discarded(item.index, _NO_PROFILE)
            else:
                self.collector.mark_dead_letter(item.index, _NO_PROFILE)

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


def _only_phone(item: ProfileItem) -> ProfileItem:
    profile = identifiers_only(item.profile)
    return ProfileItem(
        index=item.index, profile=profile, resource=encode_profile(profile)
    )
