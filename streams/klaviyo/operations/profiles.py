"""Operation that creates or updates profiles."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api import requests
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.responses import single_resource_id
from streams.klaviyo.api.results import Accepted
from streams.klaviyo.batching.items import (
    Profile,
    ProfileItem,
    prepare_items,
    split_into_rounds,
)
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.operations.bulk_import import bulk_import

BULK_MIN_ITEMS = 4
"""Smallest number of profiles for which a bulk import needs fewer requests."""

_OK = 200
"""HTTP status of an updated profile; a verdict has the same for a new profile (201)."""


async def upsert_profiles(
    client: JobTrackingClient,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
) -> list[ItemVerdict]:
    """Create or update profiles; `null` clears an attribute, absence keeps the value.

    Args:
        client: Sends the requests.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: Smallest number of profiles for a bulk import.

    Returns:
        A verdict for each profile, in order.
    """
    collector = VerdictCollector(len(profiles))
    for items in split_into_rounds(prepare_items(profiles, verdicts=collector)):
        if len(items) >= bulk_min_items:
            await bulk_import(client, items, collector=collector)
        else:
            ids = await upsert_singly(client, items, collector=collector)
            collector.mark_delivered(ids, status=_OK)
    return collector.verdicts()


async def upsert_singly(
    client: KlaviyoApi, items: Iterable[ProfileItem], *, collector: VerdictCollector
) -> dict[int, list[str]]:
    """Create or update profiles with a request each.

    Args:
        client: Sends the requests.
        items: Profiles that share no identifier.
        collector: Receives the verdicts.

    Returns:
        Index of an item -> its Klaviyo id, for accepted items; the other items are dead
        letters.
    """
    upsert = partial(_upsert, client, collector=collector)
    upserted = await asyncio.gather(*map(upsert, items))
    return {index: [profile_id] for index, profile_id in filter(None, upserted)}


async def _upsert(
    client: KlaviyoApi, item: ProfileItem, *, collector: VerdictCollector
) -> tuple[int, str] | None:
    answer = await client.call(requests.upsert_profile(item.resource))
    collector.count_attempts((item.index,), attempts=answer.attempts)
    if isinstance(answer, Accepted):
        return item.index, single_resource_id(answer.data)
    collector.mark_dead_letter(item.index, answer.reason, status=answer.status)
    return None
