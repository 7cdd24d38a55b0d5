"""The right to be forgotten."""

from collections.abc import Sequence
from functools import partial

import msgspec

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import consent_requests
from streams.klaviyo.caller import Caller
from streams.klaviyo.consent_items import DeletionItem, is_text
from streams.klaviyo.items import Identifier, Item, folded, identifiers
from streams.klaviyo.lane_quotas import REQUEST_DELETION
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.lookups import find_ids
from streams.klaviyo.repeats import once_each
from streams.klaviyo.submit import submit

_FIELDS = ("id", "email", "phone_number", "external_id")
"""What a deletion goes by, best first."""


async def delete_profile(
    client: Caller, items: Sequence[DeletionItem]
) -> list[ItemVerdict]:
    """Have profiles deleted with all that Klaviyo knows of them.

    Klaviyo takes exactly one of its own id, an email address and a phone number: the
    first that is given. Who is known by the caller's id alone is looked up.

    Args:
        client: Sends the requests.
        items: The people.

    Returns:
        A verdict for each item, in order: discarded as `no-such-profile` where
        Klaviyo knows none, and as `repeat` where an earlier item says the same.
    """
    return await once_each(items, key=_name, send=partial(_delete, client))


async def _delete(client: Caller, items: Sequence[DeletionItem]) -> list[ItemVerdict]:
    ledger = Ledger(len(items))
    direct, unknown = [], []
    for index, item in enumerate(items):
        match _name(item):
            case None:
                ledger.dead_letter(index, "no-identifier")
            case ("external_id", value):
                unknown.append(Item(index=index, profile={"external_id": value}))
            case (field, value):
                direct.append(_line(index, field, value))
    found = await _looked_up(client, unknown, ledger=ledger)
    await submit(
        client,
        direct + found,
        write=consent_requests.request_deletion,
        limit=REQUEST_DELETION.limit,
        ledger=ledger,
    )
    return ledger.verdicts()


async def _looked_up(
    client: Caller, items: list[Item], *, ledger: Ledger
) -> list[Item]:
    """Find profiles by the caller's id; who is unknown is settled."""
    ids = await find_ids(client, items, ledger=ledger)
    for item in items:
        if item.index not in ids and ledger.is_open(item.index):
            ledger.discarded(item.index, "no-such-profile")
    return [_line(index, "id", one) for index, found in ids.items() for one in found]


def _name(item: DeletionItem) -> Identifier | None:
    given = {
        name: value
        for name, value in msgspec.structs.asdict(item).items()
        if is_text(value)
    }
    return next(map(folded, identifiers(given, fields=_FIELDS)), None)


def _line(index: int, field: str, value: str) -> Item:
    resource = consent_requests.deletion_resource(field, value)
    return Item(index=index, profile={}, resource=resource)
