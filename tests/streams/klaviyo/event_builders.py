"""Events for tests."""

from typing import Any

from streams.klaviyo.payloads.event_items import EventItem
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import recorded_events

_TIME = "2026-07-15T09:30:00Z"


def make_event(n: int, *, user: int | None = None, **fields: Any) -> EventItem:  # noqa: ANN401  # whatever data holds
    """Make an event with a unique id, of its own user unless one is named."""
    defaults: dict[str, Any] = {
        "metric": "Viewed",
        "profile": {"external_id": f"user-{n if user is None else user}"},
        "properties": {"n": n},
        "time": _TIME,
        "unique_id": f"id-{n}",
    }
    return EventItem(**defaults | fields)


def unique_ids(klaviyo: Sandbox) -> list[str]:
    """List the unique ids of all events."""
    return sorted(unique_id for _, _, unique_id in recorded_events(klaviyo))
