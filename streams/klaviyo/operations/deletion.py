"""The right to be forgotten."""

from collections.abc import Sequence
from functools import partial

import msgspec

from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.endpoints import REQUEST_DELETION
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.batching.deduplicate import deduplicate
from streams.klaviyo.batching.items import (
    Identifier,
    ProfileItem,
    list_identifiers,
    normalize_identifier,
)
from streams.klaviyo.batching.submit import submit_items
from streams.klaviyo.batching.verdicts import VerdictCollector
from streams.klaviyo.lookups.profile_lookup import find_profile_ids
from streams.klaviyo.payloads import consent_requests
from streams.klaviyo.payloads.consent_items import DeletionItem, is_sendable_text

_DELETION_FIELDS = ("id", "email", "phone_number", "external_id")
"""What a deletion goes by, best first."""


async def delete_profiles(
    client: KlaviyoApi, items: Sequence[DeletionItem]
) -> list[ItemVerdict]:
    """Have profiles deleted with all that Klaviyo knows of them.

    Klaviyo takes exactly one of its own id, an email address and a phone number: the
    first that is given. Who is known by the caller's id alone is looked up.

    Args:
        client: Sends the requests.
        items: The people.

    Returns:
        A verdict for each item, in order: discarded as `no-such-profile` where
        Klaviyo knows none, and as `duplicate` where an earlier item says the same.
    """
    return await deduplicate(
        items, key=_deletion_identifier, send=partial(_delete, client)
    )


async def _delete(
    client: KlaviyoApi, items: Sequence[DeletionItem]
) -> list[ItemVerdict]:
    collector = VerdictCollector(len(items))
    direct, with_external_id = [], []
    for index, item in enumerate(items):
        match _deletion_identifier(item):
            case None:
                collector.mark_dead_letter(index, "no-identifier")
            case ("external_id", value):
                with_external_id.append(
                    ProfileItem(index=index, profile={"external_id": value})
                )
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
    """Find profiles by the caller's id; who is unknown is settled."""
    ids_by_index = await find_profile_ids(client, items, collector=collector)
    for item in items:
        if item.index not in ids_by_index and collector.is_pending(item.index):
            collector.mark_discarded(item.index, "no-such-profile")
    return [
        _deletion_item(index, "id", profile_id)
        for index, profile_ids in ids_by_index.items()
        for profile_id in profile_ids
    ]


def _deletion_identifier(item: DeletionItem) -> Identifier | None:
    texts = {
        name: value
        for name, value in msgspec.structs.asdict(item).items()
        if is_sendable_text(value)
    }
    return next(
        map(normalize_identifier, list_identifiers(texts, fields=_DELETION_FIELDS)),
        None,
    )


def _deletion_item(index: int, field: str, value: str) -> ProfileItem:
    resource = consent_requests.deletion_resource(field, value)
    return ProfileItem(index=index, profile={}, resource=resource)
