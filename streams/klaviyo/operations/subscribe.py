"""Operation that subscribes profiles to channels."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from streams.actions.intents import UNSUBSCRIBE_ONLY, Consent, ConsentChange
from streams.delivery.verdict import ItemVerdict
from streams.events.time import parse_timestamp_s
from streams.klaviyo.api.endpoints import SUBSCRIBE
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import ProfileItem, VerdictCollector
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.operations.refused_phones import send_despite_phones
from streams.klaviyo.operations.upserts import upsert_profiles
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_changes import (
    channels_of,
    consent_fault,
    contact_addresses,
    is_sendable_text,
)

SubscriptionTerms: TypeAlias = tuple[str, str, bool]
"""List id, custom source, historical import: common to all profiles of a request."""


async def subscribe(
    client: JobTrackingClient, changes: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    """Subscribe profiles, with a request for each list, source and kind of import.

    A change that names its user comes with an address that is new to the user's
    profile: the profile gets the address first, or the request would make another one.

    Args:
        client: Sends the requests.
        changes: Profiles with the channels of their consent.

    Returns:
        A verdict for each change, in order; a change that equals an earlier change is
        discarded as `duplicate`. `delivered` has the reason `dropped: ...` where a
        refused phone number was left out.
    """
    await _give_addresses(client, changes)
    return await deduplicate(
        changes,
        key=_duplicate_key,
        send=partial(send_despite_phones, send=partial(_subscribe, client)),
    )


async def _give_addresses(
    client: JobTrackingClient, changes: Sequence[ConsentChange]
) -> None:
    """Give the profiles of users the new addresses; a refusal changes no profile."""
    profiles = [
        {"external_id": change.external_id, "email": change.profile["email"]}
        for change in changes
        if change.external_id and not _fault(change)
    ]
    if profiles:
        await upsert_profiles(client, profiles)


def terms_of(change: ConsentChange) -> SubscriptionTerms:
    """Return the terms that all profiles of a request share."""
    return change.list_id, change.custom_source, change.historical_import


async def _subscribe(
    client: KlaviyoApi, changes: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(changes))
    groups: dict[SubscriptionTerms, list[ProfileItem]] = defaultdict(list)
    for index, change in enumerate(changes):
        fault = _fault(change)
        if fault:
            collector.mark_dead_letter(index, fault)
            continue
        groups[terms_of(change)].append(
            ProfileItem(index=index, profile={}, resource=_resource(change))
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
    build_request = partial(
        consent_requests.subscribe_profiles,
        list_id=list_id,
        custom_source=custom_source,
        historical_import=historical_import,
    )
    await submit_items(
        client,
        group,
        build_request=build_request,
        limit=SUBSCRIBE.limit,
        verdicts=collector,
        list_id=list_id,
    )


def _fault(change: ConsentChange) -> str:
    return consent_fault(change) or _terms_fault(change)


def _terms_fault(change: ConsentChange) -> str:
    identifiers = (change.profile.get("id"), change.profile.get("anonymous_id"))
    if not all(map(is_sendable_text, (*identifiers, change.custom_source))):
        return "not-text"
    if channels_of(change) & UNSUBSCRIBE_ONLY:
        return "channel-not-offered: whatsapp.conversational"
    if change.historical_import and not change.consented_at:
        return "no-consented-at: needed for a historical import"
    if change.historical_import and parse_timestamp_s(change.consented_at) is None:
        return "consented-at-unreadable: not ISO 8601"
    return ""


def _resource(change: ConsentChange) -> bytes:
    consent = {"consent": Consent.SUBSCRIBED.value}
    if change.historical_import and change.consented_at:
        consent["consented_at"] = change.consented_at
    profile_id = change.profile.get("id")
    return consent_requests.consent_resource(
        contact_addresses(change) | ({"id": profile_id} if profile_id else {}),
        channels_of(change),
        consent=consent,
        push_tokens=change.push_tokens,
        anonymous_id=change.profile.get("anonymous_id") or "",
    )


def _duplicate_key(change: ConsentChange) -> tuple[SubscriptionTerms, bytes] | None:
    if _fault(change):
        return None
    return terms_of(change), _resource(change)
