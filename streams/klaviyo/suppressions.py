"""Addresses suppressed by hand, and no longer."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import consent_requests
from streams.klaviyo.caller import Caller
from streams.klaviyo.consent_items import SuppressionItem, is_text
from streams.klaviyo.items import Item, folded, identifiers
from streams.klaviyo.lane_quotas import SUPPRESS, UNSUPPRESS
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.quotas import Endpoint
from streams.klaviyo.repeats import once_each
from streams.klaviyo.requests import Request
from streams.klaviyo.submit import submit


async def suppress(
    client: Caller, items: Sequence[SuppressionItem]
) -> list[ItemVerdict]:
    """Suppress addresses: no email marketing reaches them, whatever their consent.

    Args:
        client: Sends the requests.
        items: The addresses.

    Returns:
        A verdict for each item, in order; a repeated address is discarded as `repeat`.
    """
    send = partial(_submit, client, SUPPRESS, consent_requests.suppress)
    return await once_each(items, key=_address, send=send)


async def unsuppress(
    client: Caller, items: Sequence[SuppressionItem]
) -> list[ItemVerdict]:
    """Suppress addresses no longer; what was not done by hand stays.

    Args:
        client: Sends the requests.
        items: The addresses.

    Returns:
        A verdict for each item, in order; a repeated address is discarded as `repeat`.
    """
    send = partial(_submit, client, UNSUPPRESS, consent_requests.unsuppress)
    return await once_each(items, key=_address, send=send)


async def _submit(
    client: Caller,
    endpoint: Endpoint,
    write: Callable[[Sequence[bytes]], Request],
    items: Sequence[SuppressionItem],
) -> list[ItemVerdict]:
    ledger = Ledger(len(items))
    lines = []
    for index, item in enumerate(items):
        resource = _resource(item)
        if resource:
            lines.append(Item(index=index, profile={}, resource=resource))
        else:
            ledger.dead_letter(index, "no-email")
    await submit(client, lines, write=write, limit=endpoint.limit, ledger=ledger)
    return ledger.verdicts()


def _resource(item: SuppressionItem) -> bytes:
    """Encode an item; nothing when it holds no address."""
    names = identifiers({"email": item.email})
    if not (names and is_text(item.email)):
        return b""
    return consent_requests.suppression_resource(names[0][1])


def _address(item: SuppressionItem) -> Hashable:
    return next(map(folded, identifiers({"email": item.email})), None)
