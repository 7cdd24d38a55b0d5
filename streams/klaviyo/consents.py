"""Consent given: profiles subscribed."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import orjson

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo import consent_requests
from streams.klaviyo.caller import Caller
from streams.klaviyo.consent_items import (
    UNSUBSCRIBE_ONLY,
    ConsentItem,
    SubscribeItem,
    is_text,
)
from streams.klaviyo.items import Item
from streams.klaviyo.lane_quotas import SUBSCRIBE
from streams.klaviyo.ledger import Ledger
from streams.klaviyo.moments import seconds
from streams.klaviyo.repeats import once_each
from streams.klaviyo.submit import submit

Terms: TypeAlias = tuple[str, str, bool]
"""List, custom source, historical import: what all profiles of a request share."""


async def subscribe(
    client: Caller, items: Sequence[SubscribeItem]
) -> list[ItemVerdict]:
    """Subscribe profiles; each list, source and kind of import by itself.

    Args:
        client: Sends the requests.
        items: The profiles, and what they consent to.

    Returns:
        A verdict for each item, in order; what says the same as an earlier one is
        discarded as `repeat`.
    """
    return await once_each(items, key=_repeat_key, send=partial(_subscribe, client))


async def _subscribe(
    client: Caller, items: Sequence[SubscribeItem]
) -> list[ItemVerdict]:
    ledger = Ledger(len(items))
    groups: dict[Terms, list[Item]] = defaultdict(list)
    for index, item in enumerate(items):
        wrong = _fault(item)
        if wrong:
            ledger.dead_letter(index, wrong)
            continue
        groups[terms_of(item)].append(
            Item(index=index, profile={}, resource=_resource(item))
        )
    await asyncio.gather(
        *(
            _subscribe_group(client, group, terms=terms, ledger=ledger)
            for terms, group in groups.items()
        )
    )
    return ledger.verdicts()


async def _subscribe_group(
    client: Caller, group: list[Item], *, terms: Terms, ledger: Ledger
) -> None:
    list_id, custom_source, historical_import = terms
    write = partial(
        consent_requests.subscribe,
        list_id=list_id,
        custom_source=custom_source,
        historical_import=historical_import,
    )
    await submit(
        client,
        group,
        write=write,
        limit=SUBSCRIBE.limit,
        ledger=ledger,
        list_id=list_id,
    )


def terms_of(item: SubscribeItem) -> Terms:
    """Give what an item must share with others to go with them."""
    return item.list_id or "", item.custom_source or "", item.historical_import


def identity_of(item: ConsentItem) -> dict[str, str]:
    """Give the addresses of an item that are not empty."""
    pairs = {"email": item.email, "phone_number": item.phone_number}
    return {name: value for name, value in pairs.items() if value}


def consent_fault(item: ConsentItem) -> str:
    """Say why a consent cannot be sent; empty when it can."""
    if not item.channels:
        return "no-channel"
    if not all(map(is_text, (item.email, item.phone_number, item.list_id))):
        return "not-text"
    if not _is_json(item.push_tokens):
        return "not-json: push_tokens"
    given = identity_of(item)
    for channel in sorted(item.channels):
        if channel.address and channel.address not in given:
            return f"no-{channel.address.replace('_', '-')}: needed for {channel}"
    return "" if given or _is_named_otherwise(item) else "no-identifier"


def _is_named_otherwise(item: ConsentItem) -> bool:
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
    return consent_fault(item) or _wrong_terms(item)


def _wrong_terms(item: SubscribeItem) -> str:
    if not all(map(is_text, (item.id, item.anonymous_id, item.custom_source))):
        return "not-text"
    if item.channels & UNSUBSCRIBE_ONLY:
        return "channel-not-offered: whatsapp.conversational"
    if item.historical_import and not item.consented_at:
        return "no-consented-at: needed for a historical import"
    if item.historical_import and seconds(item.consented_at) is None:
        return "consented-at-unreadable: not ISO 8601"
    return ""


def _resource(item: SubscribeItem) -> bytes:
    consent = {"consent": "SUBSCRIBED"}
    if item.historical_import and item.consented_at:
        consent["consented_at"] = item.consented_at
    return consent_requests.consent_resource(
        identity_of(item) | ({"id": item.id} if item.id else {}),
        item.channels,
        consent=consent,
        push_tokens=item.push_tokens,
        anonymous_id=item.anonymous_id or "",
    )


def _repeat_key(item: SubscribeItem) -> tuple[Terms, bytes] | None:
    if _fault(item):
        return None
    return terms_of(item), _resource(item)
