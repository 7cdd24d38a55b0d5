"""Each kind of intent → the operation that does it."""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from typing import Any, Final, TypeAlias

from streams.actions.intents import (
    ConsentChange,
    Deletion,
    EventRecord,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.delivery.verdict import ItemVerdict
from streams.klaviyo.api.import_jobs import JobTrackingClient
from streams.klaviyo.api.results import ListGone
from streams.klaviyo.operations.deletion import delete_profiles
from streams.klaviyo.operations.events import record_events
from streams.klaviyo.operations.list_members import add_members, remove_members
from streams.klaviyo.operations.profile_patches import patch_profiles
from streams.klaviyo.operations.profiles import BULK_MIN_ITEMS, upsert_profiles
from streams.klaviyo.operations.subscribe import subscribe
from streams.klaviyo.operations.suppressions import suppress, unsuppress
from streams.klaviyo.operations.unsubscribe import unsubscribe
from streams.klaviyo.payloads.consent_items import (
    Channel,
    DeletionItem,
    SubscribeItem,
    SuppressionItem,
    UnsubscribeItem,
)
from streams.klaviyo.payloads.event_items import EventItem

Operation: TypeAlias = Callable[
    [JobTrackingClient, Sequence[Any]], Awaitable[list[ItemVerdict] | ListGone]
]
"""Does what intents of one kind and list want, a verdict for each."""


async def upsert_without_list(
    client: JobTrackingClient,
    intents: Sequence[ProfileUpsert],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
) -> list[ItemVerdict]:
    """Create or update profiles; see `streams.klaviyo.operations.profiles.upsert_profiles`."""
    profiles = [intent.profile for intent in intents]
    return await upsert_profiles(client, profiles, bulk_min_items=bulk_min_items)


async def _patch(
    client: JobTrackingClient, intents: Sequence[ProfileUpsert]
) -> list[ItemVerdict] | ListGone:
    return await patch_profiles(client, intents, list_id=intents[0].list_id)


async def _add(
    client: JobTrackingClient, intents: Sequence[ListAdd | ProfileUpsert]
) -> list[ItemVerdict] | ListGone:
    profiles = [intent.profile for intent in intents]
    return await add_members(client, intents[0].list_id, profiles)


async def _remove(
    client: JobTrackingClient, intents: Sequence[ListRemove]
) -> list[ItemVerdict] | ListGone:
    profiles = [intent.identifiers for intent in intents]
    return await remove_members(client, intents[0].list_id, profiles)


async def record_event_intents(
    client: JobTrackingClient,
    intents: Sequence[EventRecord],
    *,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Record events; see `streams.klaviyo.operations.events.record_events`."""
    events = [to_event_item(intent) for intent in intents]
    return await record_events(client, events, known_metrics=known_metrics, now_s=now_s)


def to_event_item(intent: EventRecord) -> EventItem:
    """Make the event to record of what is wanted."""
    return EventItem(
        metric=intent.metric,
        profile=intent.profile,
        properties=intent.properties,
        time=intent.time or None,
        unique_id=intent.unique_id or None,
        value=intent.value,
        value_currency=intent.value_currency or None,
        backfill=intent.backfill,
    )


async def _subscribe(
    client: JobTrackingClient, intents: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    items = [
        SubscribeItem(
            channels=frozenset(map(Channel, intent.channels)),
            email=intent.profile.get("email"),
            phone_number=intent.profile.get("phone_number"),
            anonymous_id=intent.profile.get("anonymous_id"),
            list_id=intent.list_id,
            custom_source=intent.custom_source,
            historical_import=intent.historical_import,
            consented_at=intent.consented_at or None,
            push_tokens=intent.push_tokens,
        )
        for intent in intents
    ]
    return await subscribe(client, items)


async def _unsubscribe(
    client: JobTrackingClient, intents: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    items = [
        UnsubscribeItem(
            channels=frozenset(map(Channel, intent.channels)),
            email=intent.profile.get("email"),
            phone_number=intent.profile.get("phone_number"),
            list_id=intent.list_id,
            push_tokens=intent.push_tokens,
            everywhere=intent.everywhere,
        )
        for intent in intents
    ]
    return await unsubscribe(client, items)


async def _suppress(
    client: JobTrackingClient, intents: Sequence[Suppression]
) -> list[ItemVerdict]:
    return await suppress(
        client, [SuppressionItem(email=intent.email) for intent in intents]
    )


async def _unsuppress(
    client: JobTrackingClient, intents: Sequence[Suppression]
) -> list[ItemVerdict]:
    items = [SuppressionItem(email=intent.email) for intent in intents]
    return await unsuppress(client, items)


async def _delete(
    client: JobTrackingClient, intents: Sequence[Deletion]
) -> list[ItemVerdict]:
    items = [
        DeletionItem(
            id=intent.identifiers.get("profile_id"),
            email=intent.identifiers.get("email"),
            phone_number=intent.identifiers.get("phone_number"),
            external_id=intent.identifiers.get("external_id"),
        )
        for intent in intents
    ]
    return await delete_profiles(client, items)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "upsert": upsert_without_list,
    "patch": _patch,
    "add": _add,
    "remove": _remove,
    "record": record_event_intents,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "suppress": _suppress,
    "unsuppress": _unsuppress,
    "delete": _delete,
}
"""Kind of intent → what does it; `record` knows no metrics and no time here."""
