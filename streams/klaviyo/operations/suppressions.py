"""Addresses suppressed by hand, and no longer."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import SUPPRESS, UNSUPPRESS, Endpoint
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.requests import Request
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import (
    ProfileItem,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_items import SuppressionItem, is_sendable_text


async def suppress(
    client: KlaviyoApi, items: Sequence[SuppressionItem]
) -> list[ItemVerdict]:
    """Suppress addresses: no email marketing reaches them, whatever their consent.

    Args:
        client: Sends the requests.
        items: The addresses.

    Returns:
        A verdict for each item, in order; a repeated address is discarded as `duplicate`.
    """
    send = partial(_submit, client, SUPPRESS, consent_requests.suppress_profiles)
    return await deduplicate(items, key=_address, send=send)


async def unsuppress(
    client: KlaviyoApi, items: Sequence[SuppressionItem]
) -> list[ItemVerdict]:
    """Suppress addresses no longer; what was not done by hand stays.

    Args:
        client: Sends the requests.
        items: The addresses.

    Returns:
        A verdict for each item, in order; a repeated address is discarded as `duplicate`.
    """
    send = partial(_submit, client, UNSUPPRESS, consent_requests.unsuppress_profiles)
    return await deduplicate(items, key=_address, send=send)


async def _submit(
    client: KlaviyoApi,
    endpoint: Endpoint,
    write: Callable[[Sequence[bytes]], Request],
    items: Sequence[SuppressionItem],
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(items))
    encoded = []
    for index, item in enumerate(items):
        resource = _resource(item)
        if resource:
            encoded.append(ProfileItem(index=index, profile={}, resource=resource))
        else:
            collector.mark_dead_letter(index, "no-email")
    await submit_items(
        client, encoded, build_request=write, limit=endpoint.limit, verdicts=collector
    )
    return collector.verdicts()


def _resource(item: SuppressionItem) -> bytes:
    """Encode an item; nothing when it holds no address."""
    addresses = list_identifiers({"email": item.email})
    if not (addresses and is_sendable_text(item.email)):
        return b""
    return consent_requests.suppression_resource(addresses[0][1])


def _address(item: SuppressionItem) -> Hashable:
    return next(
        map(normalize_identifier, list_identifiers({"email": item.email})), None
    )
