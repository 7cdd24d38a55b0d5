"""Members of a list: added and removed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import requests
from streams.klaviyo.answers import Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.imports import import_items
from streams.klaviyo.isolate import Parted, apart, chunked
from streams.klaviyo.items import (
    LOOKUP_FIELDS,
    Item,
    Profile,
    identifiers,
    prepare,
    rounds,
)
from streams.klaviyo.jobs import Follower
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lists import list_exists
from streams.klaviyo.lookups import Ids, find_ids
from streams.klaviyo.profiles import BULK_MIN_ITEMS, upsert_singly
from streams.klaviyo.quotas import ADD_MEMBERS, REMOVE_MEMBERS, Endpoint
from streams.klaviyo.results import ListGone

_NO_PROFILE = "no-such-profile"

Owners: TypeAlias = Mapping[str, list[int]]
"""Klaviyo's profile id → the places of its items."""

Resolve: TypeAlias = Callable[[list[Item]], Awaitable[Ids]]
"""Finds the Klaviyo ids of items; those it leaves out are settled or unknown."""


async def add_members(
    client: Follower,
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
    ledger = Ledger(len(profiles))
    for items in rounds(prepare(profiles, ledger=ledger)):
        if len(items) >= bulk_min_items:
            gone = await import_items(client, items, ledger=ledger, list_id=list_id)
        else:
            gone = await _add_singly(client, items, ledger=ledger, list_id=list_id)
        if gone:
            return ListGone(list_id=list_id)
    return ledger.verdicts()


async def remove_members(
    client: Follower, list_id: str, profiles: Sequence[Profile]
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
    ledger = Ledger(len(profiles))
    items = [
        Item(index=index, profile=profile)
        for index, profile in enumerate(profiles)
        if _findable(index, profile, ledger=ledger)
    ]
    members = _Members(client, REMOVE_MEMBERS, ledger=ledger, list_id=list_id)
    unknown = await members.change(items, partial(find_ids, client, ledger=ledger))
    if unknown is None:
        return ListGone(list_id=list_id)
    for item in unknown:
        ledger.discarded(item.index, _NO_PROFILE)
    return ledger.verdicts()


async def _add_singly(
    client: Follower, items: list[Item], *, ledger: Ledger, list_id: str
) -> bool:
    """Upsert one by one, then add all by id; say whether the list is gone."""
    members = _Members(client, ADD_MEMBERS, ledger=ledger, list_id=list_id)
    unknown = await members.change(items, partial(upsert_singly, client, ledger=ledger))
    for item in unknown or ():
        ledger.dead_letter(item.index, _NO_PROFILE)
    return unknown is None


def _findable(index: int, profile: Profile, *, ledger: Ledger) -> bool:
    if identifiers(profile, fields=LOOKUP_FIELDS):
        return True
    ledger.dead_letter(index, "no-identifier")
    return False


class _Members:
    """Changes the members of one list by profile id.

    Args:
        client: Sends the requests.
        endpoint: `ADD_MEMBERS` or `REMOVE_MEMBERS`.
        ledger: Takes the verdicts.
        list_id: Klaviyo's id of the list.
    """

    def __init__(
        self, client: Caller, endpoint: Endpoint, *, ledger: Ledger, list_id: str
    ) -> None:
        self._client = client
        self._endpoint = endpoint
        self._ledger = ledger
        self._list_id = list_id

    async def change(self, items: list[Item], resolve: Resolve) -> list[Item] | None:
        """Find the ids and change the members; what is stale is found anew, once.

        Returns:
            Items without a profile; None when the list is gone.
        """
        unknown: list[Item] = []
        for _ in ("with the ids found", "with the stale ones found anew"):
            ids = await resolve(items)
            unknown += [
                item
                for item in items
                if item.index not in ids and self._ledger.is_open(item.index)
            ]
            stale = await self._send_all(ids)
            if stale is None:
                return None
            items = [item for item in items if item.index in stale]
        return unknown + items

    async def _send_all(self, ids: Ids) -> set[int] | None:
        """Send all ids; give the places of the stale ones, None without a list."""
        owners: dict[str, list[int]] = {}
        for index, profile_ids in ids.items():
            for profile_id in profile_ids:
                owners.setdefault(profile_id, []).append(index)
        chunks = chunked(
            owners,
            count_max=self._endpoint.limit.items,
            weight=len,
            weight_max=self._endpoint.limit.body_bytes,
        )
        send = partial(self._send, owners)
        stale: set[int] = set()
        for chunk in chunks:
            parted = await apart(chunk, send=send, gone=self._gone)
            if parted.gone:
                return None
            stale |= self._settle(parted, owners)
        return stale

    async def _send(self, owners: Owners, profile_ids: tuple[str, ...]) -> Settled:
        request = requests.change_members(
            self._endpoint, profile_ids, list_id=self._list_id
        )
        answer = await self._client.call(request)
        indices = (index for one in profile_ids for index in owners[one])
        self._ledger.carried(indices, attempts=answer.attempts)
        return answer

    async def _gone(self) -> bool:
        return not await list_exists(self._client, self._list_id)

    def _settle(self, parted: Parted[str], owners: Owners) -> set[int]:
        for profile_ids, answer in parted.taken:
            for profile_id in profile_ids:
                self._ledger.delivered(owners[profile_id], status=answer.status)
        stale: set[int] = set()
        for refused in parted.refused:
            if refused.missing:
                stale.update(owners[refused.item])
                continue
            for index in owners[refused.item]:
                self._ledger.dead_letter(index, refused.reason, status=refused.status)
        return stale
