"""Profiles: created or updated."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import requests
from streams.klaviyo.answers import Accepted
from streams.klaviyo.caller import Caller
from streams.klaviyo.imports import import_items
from streams.klaviyo.items import Item, Profile, prepare, rounds
from streams.klaviyo.jobs import Follower
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.responses import id_in

BULK_MIN_ITEMS = 4
"""From here on a bulk import takes fewer requests than single calls."""


_OK = 200
"""The status of a profile that was there; a new one (201) is none the less."""


async def upsert_profiles(
    client: Follower,
    profiles: Sequence[Profile],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
) -> list[ItemVerdict]:
    """Create or update profiles; `null` clears an attribute, absence keeps it.

    Args:
        client: Sends the requests.
        profiles: Klaviyo's profile attributes.
        bulk_min_items: From how many on a bulk import is used.

    Returns:
        A verdict for each profile, in order.
    """
    ledger = Ledger(len(profiles))
    for items in rounds(prepare(profiles, ledger=ledger)):
        if len(items) >= bulk_min_items:
            await import_items(client, items, ledger=ledger)
        else:
            ids = await upsert_singly(client, items, ledger=ledger)
            ledger.delivered(ids, status=_OK)
    return ledger.verdicts()


async def upsert_singly(
    client: Caller, items: Iterable[Item], *, ledger: Ledger
) -> dict[int, list[str]]:
    """Create or update profiles one by one.

    Args:
        client: Sends the requests.
        items: No identifier twice.
        ledger: Takes the verdicts.

    Returns:
        Place of an item → its Klaviyo id, for those that went through; the others are
        dead letters.
    """
    upsert = partial(_upsert, client, ledger=ledger)
    found = await asyncio.gather(*map(upsert, items))
    return {index: [profile_id] for index, profile_id in filter(None, found)}


async def _upsert(
    client: Caller, item: Item, *, ledger: Ledger
) -> tuple[int, str] | None:
    answer = await client.call(requests.upsert_profile(item.resource))
    ledger.carried((item.index,), attempts=answer.attempts)
    if isinstance(answer, Accepted):
        return item.index, id_in(answer.data)
    ledger.dead_letter(item.index, answer.reason, status=answer.status)
    return None
