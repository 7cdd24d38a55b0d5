"""Operations that suppress email addresses and remove suppressions."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial

from streams.actions.intents import Suppression
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import SUPPRESS, UNSUPPRESS, Endpoint
from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import (
    ProfileItem,
    VerdictCollector,
    list_identifiers,
)
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_changes import is_sendable_text


async def suppress(
    client: KlaviyoApi, suppressions: Sequence[Suppression]
) -> list[ItemVerdict]:
    """Suppress addresses: no email marketing is sent, whatever the consent.

    Returns:
        A verdict for each address, in order; a repeated address is discarded as
        `duplicate`.
    """
    send = partial(_submit, client, SUPPRESS, consent_requests.suppress_profiles)
    return await deduplicate(suppressions, key=_address, send=send)


async def unsuppress(
    client: KlaviyoApi, suppressions: Sequence[Suppression]
) -> list[ItemVerdict]:
    """Remove suppressions made by hand; suppressions of other causes stay.

    Returns:
        A verdict for each address, in order; a repeated address is discarded as
        `duplicate`.
    """
    send = partial(_submit, client, UNSUPPRESS, consent_requests.unsuppress_profiles)
    return await deduplicate(suppressions, key=_address, send=send)


async def _submit(
    client: KlaviyoApi,
    endpoint: Endpoint,
    build_request: Callable[[Sequence[bytes]], Request],
    suppressions: Sequence[Suppression],
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(suppressions))
    encoded = []
    for index, suppression in enumerate(suppressions):
        resource = _resource(suppression)
        if resource:
            encoded.append(ProfileItem(index=index, profile={}, resource=resource))
        else:
            collector.mark_dead_letter(index, "no-email")
    await submit_items(
        client,
        encoded,
        build_request=build_request,
        limit=endpoint.limit,
        verdicts=collector,
    )
    return collector.verdicts()


def _resource(suppression: Suppression) -> bytes:
    """Encode an address; empty for an intent without a usable address."""
    addresses = list_identifiers({"email": suppression.email})
    if not (addresses and is_sendable_text(suppression.email)):
        return b""
    return consent_requests.suppression_resource(suppression.email)


def _address(suppression: Suppression) -> Hashable:
    addresses = list_identifiers({"email": suppression.email})
    return next(iter(addresses), None)
