"""Consent given: profiles subscribed."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import orjson

from streams.delivery.verdict import ItemVerdict
from streams.events.time import parse_timestamp_s
from streams.klaviyo.api.endpoints import SUBSCRIBE
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import ProfileItem
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_items import (
    UNSUBSCRIBE_ONLY,
    ConsentItem,
    SubscribeItem,
    is_sendable_text,
)

SubscriptionTerms: TypeAlias = tuple[str, str, bool]
"""List, custom source, historical import: what all profiles of a request share."""


async def subscribe(
    client: KlaviyoApi, items: Sequence[SubscribeItem]
) -> list[ItemVerdict]:
    """Subscribe profiles; each list, source and kind of import by itself.

    Args:
        client: Sends the requests.
        items: The profiles, and what they consent to.

    Returns:
        A verdict for each item, in order; what says the same as an earlier one is
        discarded as `duplicate`.
    """
    return await deduplicate(
        items, key=_duplicate_key, send=partial(_subscribe, client)
    )


async def _subscribe(
    client: KlaviyoApi, items: Sequence[SubscribeItem]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(items))
    groups: dict[SubscriptionTerms, list[ProfileItem]] = defaultdict(list)
    for index, item in enumerate(items):
        fault = _fault(item)
        if fault:
            collector.mark_dead_letter(index, fault)
            continue
        groups[terms_of(item)].append(
            ProfileItem(index=index, profile={}, resource=_resource(item))
        )
    await asyncio.gather(
        *(
            _subscribe_group(client, group, terms=terms, collector=collector)
            for terms, group in groups.items()
        )
    )
    return collector.verdicts()


async def _subscribe_group(
    client: KlaviyoApi,
    group: list[ProfileItem],
    *,
    terms: SubscriptionTerms,
    collector: VerdictCollector,
) -> None:
    list_id, custom_source, historical_import = terms
    write = partial(
        consent_requests.subscribe_profiles,
        list_id=list_id,
        custom_source=custom_source,
        historical_import=historical_import,
    )
    await submit_items(
        client,
        group,
        build_request=write,
        limit=SUBSCRIBE.limit,
        verdicts=collector,
        list_id=list_id,
    )


def terms_of(item: SubscribeItem) -> SubscriptionTerms:
    """Give what an item must share with others to go with them."""
    return item.list_id or "", item.custom_source or "", item.historical_import


def contact_addresses(item: ConsentItem) -> dict[str, str]:
    """Give the addresses of an item that are not empty."""
    pairs = {"email": item.email, "phone_number": item.phone_number}
    return {name: value for name, value in pairs.items() if value}


def consent_fault(item: ConsentItem) -> str:
    """Say why a consent cannot be sent; empty when it can."""
    if not item.channels:
        return "no-channel"
    if not all(map(is_sendable_text, (item.email, item.phone_number, item.list_id))):
        return "not-text"
    if not _is_json(item.push_tokens):
        return "not-json: push_tokens"
    addresses = contact_addresses(item)
    for channel in sorted(item.channels):
        if channel.address_field and channel.address_field not in addresses:
            return f"no-{channel.address_field.replace('_', '-')}: needed for {channel}"
    return "" if addresses or _has_other_identifier(item) else "no-identifier"


def _has_other_identifier(item: ConsentItem) -> bool:
    """Say whether Klaviyo knows whom an item without an address means."""
    if isinstance(item, SubscribeItem):
        return bool(item.id or item.anonymous_id)
    return bool(item.push_tokens)


def _is_json(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _fault(item: SubscribeItem) -> str:
    return consent_fault(item) or _terms_fault(item)


def _terms_fault(item: SubscribeItem) -> str:
    if not all(map(is_sendable_text, (item.id, item.anonymous_id, item.custom_source))):
        return "not-text"
    if item.channels & UNSUBSCRIBE_ONLY:
        return "channel-not-offered: whatsapp.conversational"
    if item.historical_import and not item.consented_at:
        return "no-consented-at: needed for a historical import"
    if item.historical_import and parse_timestamp_s(item.consented_at) is None:
        return "consented-at-unreadable: not ISO 8601"
    return ""


def _resource(item: SubscribeItem) -> bytes:
    consent = {"consent": "SUBSCRIBED"}
    if item.historical_import and item.consented_at:
        consent["consented_at"] = item.consented_at
    return consent_requests.consent_resource(
        contact_addresses(item) | ({"id": item.id} if item.id else {}),
        item.channels,
        consent=consent,
        push_tokens=item.push_tokens,
        anonymous_id=item.anonymous_id or "",
    )


def _duplicate_key(item: SubscribeItem) -> tuple[SubscriptionTerms, bytes] | None:
    if _fault(item):
        return None
    return terms_of(item), _resource(item)
