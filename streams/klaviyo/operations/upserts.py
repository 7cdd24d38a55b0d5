"""Creation and update of profiles, in bulk or one by one, phone numbers last."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from streams.actions.intents import ConflictPolicy
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.requests import upsert_profile
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import (
    Accepted,
    Conflict,
    FinalResult,
    ListGone,
    Rejected,
)
from streams.klaviyo.batching.items import (
    ProfileItem,
    VerdictCollector,
    encode_profile,
    list_identifiers,
)
from streams.klaviyo.lookups.profile_lookup import find_profile_ids
from streams.klaviyo.operations.bulk_import import bulk_import
from streams.klaviyo.operations.conflicts import CONFLICT_FIELDS, settle_conflict

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
        written_first, held_back = await self.hold_back_phones(items)
        await self.write_as_is(written_first)
        await self.write_phones(held_back)

    async def hold_back_phones(
        self, items: Sequence[ProfileItem]
    ) -> tuple[list[ProfileItem], list[ProfileItem]]:
        """Remove the phone numbers of persons whom Klaviyo knows at most by the number.

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
            _without_phone(item) if item.index in held_back else item for item in items
        ]
        return written_first, [*held_back.values()]

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
        """Create or update a profile; resolve conflicts, and note what was left out."""
        current = item
        for _ in CONFLICT_FIELDS:  # each round leaves out or settles at least one
            answer = await self.client.call(upsert_profile(current.resource))
            self.collector.count_attempts((item.index,), attempts=answer.attempts)
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


def split_by_route(
    items: Iterable[ProfileItem], *, bulk_min_items: int
) -> tuple[list[ProfileItem], list[ProfileItem]]:
    """Split items into those for a bulk import, and those for a request each.

    Klaviyo clears no attribute in a bulk import (its bulk guide of 2026-11-09).
    """
    for_bulk: list[ProfileItem] = []
    singles: list[ProfileItem] = []
    for item in items:
        location = item.profile.get("location")
        members = location.values() if isinstance(location, Mapping) else ()
        clears_one = None in item.profile.values() or None in members
        (singles if clears_one else for_bulk).append(item)
    if len(for_bulk) < bulk_min_items:
        return [], for_bulk + singles
    return for_bulk, singles


def _without_phone(item: ProfileItem) -> ProfileItem:
    profile = {k: value for k, value in item.profile.items() if k != "phone_number"}
    resource = encode_profile(profile, meta=item.meta)
    return msgspec.structs.replace(item, profile=profile, resource=resource)


def _only_phone(item: ProfileItem) -> ProfileItem:
    profile = dict(list_identifiers(item.profile))
    return ProfileItem(
        index=item.index, profile=profile, resource=encode_profile(profile)
    )
