"""Operation that deletes profiles with all data."""

from collections.abc import Sequence
from functools import partial

from streams.actions.intents import Deletion
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import REQUEST_DELETION
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import (
    Identifier,
    ProfileItem,
    VerdictCollector,
    list_identifiers,
)
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.lookups.profile_lookup import find_profile_ids
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_changes import is_sendable_text

_DELETION_FIELDS = ("id", "email", "phone_number", "external_id")
"""Identifiers that a deletion can use, best first."""


async def delete_profiles(
    client: KlaviyoApi, deletions: Sequence[Deletion]
) -> list[ItemVerdict]:
    """Delete profiles with all data in Klaviyo.

    Klaviyo accepts exactly one of its own id, an email address and a phone number: the
    first present identifier is sent. A profile with an external id alone is looked up.

    Returns:
        A verdict for each deletion, in order: discarded as `no-such-profile` where
        Klaviyo has no profile, and as `duplicate` where an earlier deletion has the
        same identifier.
    """
    return await deduplicate(
        deletions, key=_deletion_identifier, send=partial(_delete, client)
    )


async def _delete(
    client: KlaviyoApi, deletions: Sequence[Deletion]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(deletions))
    direct, with_external_id = [], []
    for index, deletion in enumerate(deletions):
        match _deletion_identifier(deletion):
            case None:
                collector.mark_dead_letter(index, "no-identifier")
            case ("external_id", value):
                profile = {"external_id": value}
                with_external_id.append(ProfileItem(index=index, profile=profile))
            case (field, value):
                direct.append(_deletion_item(index, field, value))
    resolved = await _look_up_external_ids(
        client, with_external_id, collector=collector
    )
    await submit_items(
        client,
        direct + resolved,
        build_request=consent_requests.request_deletion,
        limit=REQUEST_DELETION.limit,
        verdicts=collector,
    )
    return collector.verdicts()


async def _look_up_external_ids(
    client: KlaviyoApi, items: list[ProfileItem], *, collector: VerdictCollector
) -> list[ProfileItem]:
    """Find profiles by external id; discard the items without a profile."""
    ids_by_index = await find_profile_ids(client, items, collector=collector)
    for item in items:
        if item.index not in ids_by_index and collector.is_pending(item.index):
            collector.mark_discarded(item.index, "no-such-profile")
    return [
        _deletion_item(index, "id", profile_id)
        for index, profile_ids in ids_by_index.items()
        for profile_id in profile_ids
    ]


def _deletion_identifier(deletion: Deletion) -> Identifier | None:
    """Return the identifier to delete by; `id` is Klaviyo's, never the caller's."""
    profile = {**deletion.identifiers, "id": deletion.identifiers.get("profile_id")}
    texts = {name: value for name, value in profile.items() if is_sendable_text(value)}
    identifiers = list_identifiers(texts, fields=_DELETION_FIELDS)
    return next(iter(identifiers), None)


def _deletion_item(index: int, field: str, value: str) -> ProfileItem:
    resource = consent_requests.deletion_resource(field, value)
    return ProfileItem(index=index, profile={}, resource=resource)
