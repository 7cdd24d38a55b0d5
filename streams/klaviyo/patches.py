"""Profiles of which custom properties are removed, or arrays changed."""

from collections.abc import Sequence

import msgspec
import orjson

from streams.actions.intents import ProfileUpsert
from streams.delivery.verdict import ItemVerdict, Verdict
from streams.klaviyo.imports import import_items
from streams.klaviyo.items import Item, identifiers, prepare, rounds
from streams.klaviyo.jobs import Follower
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.members import add_members
from streams.klaviyo.profiles import BULK_MIN_ITEMS, upsert_singly
from streams.klaviyo.results import ListGone

_OK = 200


async def upsert_patched(
    client: Follower, upserts: Sequence[ProfileUpsert], *, list_id: str = ""
) -> list[ItemVerdict] | ListGone:
    """Create or update profiles, and patch their custom properties.

    Args:
        client: Sends the requests.
        upserts: What is wanted.
        list_id: Klaviyo's id of a list to put them on; empty for none.

    Returns:
        A verdict for each, in order; or that the list is gone.
    """
    ledger = Ledger(len(upserts))
    items = prepare((upsert.profile for upsert in upserts), ledger=ledger)
    patched = [_patched(item, upserts[item.index]) for item in items]
    for part in rounds(patched):
        if len(part) >= BULK_MIN_ITEMS:
            await import_items(client, part, ledger=ledger)
        else:
            ids = await upsert_singly(client, part, ledger=ledger)
            ledger.delivered(ids, status=_OK)
    verdicts = ledger.verdicts()
    return await _listed(client, upserts, verdicts, list_id) if list_id else verdicts


async def _listed(
    client: Follower,
    upserts: Sequence[ProfileUpsert],
    verdicts: list[ItemVerdict],
    list_id: str,
) -> list[ItemVerdict] | ListGone:
    """Put those on the list that were taken, by their identifiers alone."""
    taken = [
        at
        for at, verdict in enumerate(verdicts)
        if verdict.verdict is Verdict.DELIVERED
    ]
    profiles = [dict(identifiers(upserts[at].profile)) for at in taken]
    added = await add_members(client, list_id, profiles)
    if isinstance(added, ListGone):
        return added
    by_place = dict(zip(taken, added, strict=True))
    return [by_place.get(at, verdict) for at, verdict in enumerate(verdicts)]


def _patched(item: Item, upsert: ProfileUpsert) -> Item:
    patch = {
        "unset": list(upsert.unset),
        "append": upsert.append,
        "unappend": upsert.unappend,
    }
    asked = {name: value for name, value in patch.items() if value}
    if not asked:
        return item
    meta = orjson.dumps({"patch_properties": asked})
    resource = item.resource[:-1] + b',"meta":' + meta + b"}"
    return msgspec.structs.replace(item, resource=resource)
