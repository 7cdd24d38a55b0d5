"""Items as they wait on a lane, for tests."""

from typing import Any

from streams.actions.activation import Activation
from streams.actions.intents import (
    Consent,
    ConsentChange,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.delivery.coalescer import Coalescer, QueuedItem
from streams.events.canonical_event import Origin


def queued_item(
    record: int,
    intent: Intent,
    *,
    queued_s: float = 0.0,
    **members: Any,  # noqa: ANN401 - of an activation
) -> QueuedItem[int]:
    """Make an item that answers for one record."""
    fields: dict[str, Any] = {"action": "any", "user": "u"} | members
    activation = Activation(
        intent=intent,
        time_ms=record,
        origin=Origin(topic="t", partition=0, offset=record),
        **fields,
    )
    return QueuedItem.of(activation, records=(record,), queued_s=queued_s)


def record_numbers(items: list[QueuedItem[int]]) -> list[tuple[int, ...]]:
    """Say which records items answer for."""
    return [item.records for item in items]


def add(list_id: str = "L", **profile: Any) -> ListAdd:  # noqa: ANN401 - a profile's attributes
    """Make an add; of `u` unless another is named."""
    return ListAdd(list_id=list_id, profile=profile or {"external_id": "u"})


def remove(list_id: str = "L", **identifiers: str) -> ListRemove:
    """Make a removal; of `u` unless another is named."""
    return ListRemove(list_id=list_id, identifiers=identifiers or {"external_id": "u"})


def upsert(**profile: Any) -> ProfileUpsert:  # noqa: ANN401 - a profile's attributes
    """Make an upsert of `u`."""
    return ProfileUpsert(profile={"external_id": "u", **profile})


def event(unique_id: str) -> EventRecord:
    """Make an event of `u`."""
    return EventRecord(
        metric="Viewed",
        profile={"external_id": "u"},
        properties={},
        unique_id=unique_id,
    )


def suppression(email: str = "a@b.co") -> Suppression:
    """Return a suppression of an email address."""
    return Suppression(change="suppress", email=email)


def subscribed(
    *channels: str,
    consent: Consent = Consent.SUBSCRIBED,
    **members: Any,  # noqa: ANN401 - of an intent
) -> ConsentChange:
    """Make a change of consent, of email unless other channels are named."""
    fields: dict[str, Any] = {"profile": {"email": "a@b.co"}} | members
    return ConsentChange(
        consent=consent, channels=channels or ("email.marketing",), **fields
    )


def unsubscribed(*channels: str, **members: Any) -> ConsentChange:  # noqa: ANN401 - of an intent
    """Return a withdrawal of consent on some channels."""
    return subscribed(*channels, consent=Consent.UNSUBSCRIBED, **members)


def take_all(
    queue: Coalescer[int],
) -> list[tuple[str, list[tuple[int, ...]]]]:
    """Take until nothing is ready, and settle each batch before the next."""
    taken = []
    while groups := queue.ready_batches(now_s=99.0, items_max=9, min_age_s=0.0):
        batch = queue.take_batch(groups[0])
        taken.append((groups[0].key.kind, record_numbers(batch)))
        queue.release(batch)
    assert (queue.waiting_count, queue.in_flight_count) == (0, 0)
    return taken
