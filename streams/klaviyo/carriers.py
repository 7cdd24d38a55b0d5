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
from streams.klaviyo.consent_items import (
    Channel,
    DeletionItem,
    SubscribeItem,
    SuppressionItem,
    UnsubscribeItem,
)
from streams.klaviyo.consents import subscribe
from streams.klaviyo.event_items import EventItem
from streams.klaviyo.events import record_events
from streams.klaviyo.jobs import Follower
from streams.klaviyo.members import add_members, remove_members
from streams.klaviyo.patches import upsert_patched
from streams.klaviyo.privacy import delete_profile
from streams.klaviyo.profiles import BULK_MIN_ITEMS, upsert_profiles
from streams.klaviyo.results import ListGone
from streams.klaviyo.suppressions import suppress, unsuppress
from streams.klaviyo.unsubscribes import unsubscribe

Carrier: TypeAlias = Callable[
    [Follower, Sequence[Any]], Awaitable[list[ItemVerdict] | ListGone]
]
"""Does what intents of one kind and list want, a verdict for each."""


async def upsert(
    client: Follower,
    intents: Sequence[ProfileUpsert],
    *,
    bulk_min_items: int = BULK_MIN_ITEMS,
) -> list[ItemVerdict]:
    """Create or update profiles; see `streams.klaviyo.profiles.upsert_profiles`."""
    profiles = [one.profile for one in intents]
    return await upsert_profiles(client, profiles, bulk_min_items=bulk_min_items)


async def _patch(
    client: Follower, intents: Sequence[ProfileUpsert]
) -> list[ItemVerdict] | ListGone:
    return await upsert_patched(client, intents, list_id=intents[0].list_id)


async def _add(
    client: Follower, intents: Sequence[ListAdd | ProfileUpsert]
) -> list[ItemVerdict] | ListGone:
    profiles = [one.profile for one in intents]
    return await add_members(client, intents[0].list_id, profiles)


async def _remove(
    client: Follower, intents: Sequence[ListRemove]
) -> list[ItemVerdict] | ListGone:
    profiles = [one.identifiers for one in intents]
    return await remove_members(client, intents[0].list_id, profiles)


async def record(
    client: Follower,
    intents: Sequence[EventRecord],
    *,
    known_metrics: Container[str] | None = None,
    now_s: float | None = None,
) -> list[ItemVerdict]:
    """Record events; see `streams.klaviyo.events.record_events`."""
    events = [event_item(one) for one in intents]
    return await record_events(client, events, known_metrics=known_metrics, now_s=now_s)


def event_item(wanted: EventRecord) -> EventItem:
    """Make the event to record of what is wanted."""
    return EventItem(
        metric=wanted.metric,
        profile=wanted.profile,
        properties=wanted.properties,
        time=wanted.time or None,
        unique_id=wanted.unique_id or None,
        value=wanted.value,
        value_currency=wanted.value_currency or None,
        backfill=wanted.backfill,
    )


async def _subscribe(
    client: Follower, intents: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    items = [
        SubscribeItem(
            channels=frozenset(map(Channel, one.channels)),
            email=one.profile.get("email"),
            phone_number=one.profile.get("phone_number"),
            anonymous_id=one.profile.get("anonymous_id"),
            list_id=one.list_id,
            custom_source=one.custom_source,
            historical_import=one.historical_import,
            consented_at=one.consented_at or None,
            push_tokens=one.tokens,
        )
        for one in intents
    ]
    return await subscribe(client, items)


async def _unsubscribe(
    client: Follower, intents: Sequence[ConsentChange]
) -> list[ItemVerdict]:
    items = [
        UnsubscribeItem(
            channels=frozenset(map(Channel, one.channels)),
            email=one.profile.get("email"),
            phone_number=one.profile.get("phone_number"),
            list_id=one.list_id,
            push_tokens=one.tokens,
            everywhere=one.everywhere,
        )
        for one in intents
    ]
    return await unsubscribe(client, items)


async def _suppress(
    client: Follower, intents: Sequence[Suppression]
) -> list[ItemVerdict]:
    return await suppress(client, [SuppressionItem(email=one.email) for one in intents])


async def _unsuppress(
    client: Follower, intents: Sequence[Suppression]
) -> list[ItemVerdict]:
    items = [SuppressionItem(email=one.email) for one in intents]
    return await unsuppress(client, items)


async def _delete(client: Follower, intents: Sequence[Deletion]) -> list[ItemVerdict]:
    items = [
        DeletionItem(
            id=one.identifiers.get("profile_id"),
            email=one.identifiers.get("email"),
            phone_number=one.identifiers.get("phone_number"),
            external_id=one.identifiers.get("external_id"),
        )
        for one in intents
    ]
    return await delete_profile(client, items)


CARRIERS: Final[Mapping[str, Carrier]] = {
    "upsert": upsert,
    "patch": _patch,
    "add": _add,
    "remove": _remove,
    "record": record,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "suppress": _suppress,
    "unsuppress": _unsuppress,
    "delete": _delete,
}
"""Kind of intent → what does it; `record` knows no metrics and no time here."""
