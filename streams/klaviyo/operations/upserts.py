"""Creation and update of profiles, in bulk or one by one, phone numbers last."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from streams.actions.intents import ConflictPolicy
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import Accepted, ListGone
from streams.klaviyo.batching.items import (
    Profile,
    ProfileItem,
    VerdictCollector,
    encode_profile,
    list_identifiers,
)
from streams.klaviyo.lookups.profile_lookup import find_profile_ids
from streams.klaviyo.operations.bulk_import import bulk_import
from streams.klaviyo.operations.conflicts import upsert_resolving

BULK_MIN_ITEMS: Final = 4
"""Smallest number of profiles for which a bulk import needs fewer requests."""

_OK: Final = 200
"""HTTP status of an updated profile; a verdict has the same for a new profile (201)."""

_STRONGER: Final = ("id", "external_id", "email")
"""Identifiers that Klaviyo ranks above a phone number."""


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
        new = await self.find_new_with_phone(items)
        await self.write_as_is([without_phone_of(item, new) for item in items])
        await self.write_phones(item for item in items if item.index in new)

    async def find_new_with_phone(self, items: Iterable[ProfileItem]) -> set[int]:
        """Return the indices of persons whom Klaviyo knows at most by phone number."""
        with_phone = [item for item in items if _has_stronger_identifier(item)]
        if not with_phone:
            return set()
        collector = VerdictCollector(1 + max(item.index for item in with_phone))
        found = await find_profile_ids(self.client, with_phone, collector=collector)
        return {item.index for item in with_phone} - found.keys()

    async def write_as_is(self, items: list[ProfileItem]) -> None:
        """Create or update profiles with all that the items hold."""
        for_bulk, singles = split_by_route(items, bulk_min_items=self.bulk_min_items)
        if for_bulk:
            refused = await bulk_import(self.client, for_bulk, collector=self.collector)
            singles += [] if isinstance(refused, ListGone) else refused
        ids = await self.write_singly(singles)
        self.collector.mark_delivered(ids, status=_OK)

    async def write_phones(self, items: Iterable[ProfileItem]) -> None:
        """Add the phone numbers to profiles that were written without them."""
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
        answers = await asyncio.gather(
            *(
                upsert_resolving(
                    self.client,
                    item,
                    collector=self.collector,
                    on_conflict=self.on_conflict,
                )
                for item in items
            )
        )
        ids = {}
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, Accepted):
                ids[item.index] = [single_resource_id(answer.data)]
            else:
                self.collector.mark_dead_letter(
                    item.index, answer.reason, status=answer.status
                )
        return ids


def split_by_route(
    items: Iterable[ProfileItem], *, bulk_min_items: int
) -> tuple[list[ProfileItem], list[ProfileItem]]:
    """Split items into those for a bulk import, and those for a request each.

    Klaviyo clears no attribute in a bulk import (its bulk guide of 2026-11-09).
    """
    for_bulk: list[ProfileItem] = []
    singles: list[ProfileItem] = []
    for item in items:
        (singles if _clears_attribute(item.profile) else for_bulk).append(item)
    if len(for_bulk) < bulk_min_items:
        return [], for_bulk + singles
    return for_bulk, singles


def _clears_attribute(profile: Profile) -> bool:
    location = profile.get("location")
    members = location.values() if isinstance(location, Mapping) else ()
    return None in profile.values() or None in members


def without_phone_of(item: ProfileItem, indices: Collection[int]) -> ProfileItem:
    """Return an item without its phone number, if it is one of some items."""
    if item.index not in indices:
        return item
    profile = {k: value for k, value in item.profile.items() if k != "phone_number"}
    resource = encode_profile(profile, meta=item.meta)
    return msgspec.structs.replace(item, profile=profile, resource=resource)


def _has_stronger_identifier(item: ProfileItem) -> bool:
    profile = item.profile
    return bool(profile.get("phone_number")) and any(map(profile.get, _STRONGER))


def _only_phone(item: ProfileItem) -> ProfileItem:
    profile = dict(list_identifiers(item.profile))
    return ProfileItem(
        index=item.index, profile=profile, resource=encode_profile(profile)
    )
