"""Builders of events for tests."""

from typing import Any

from streams.actions.intents import EventRecord
from streams.sandbox import Sandbox
from tests.streams.klaviyo.accounts import recorded_events

_TIME = "2026-07-15T09:30:00Z"


def make_event(n: int, *, user: int | None = None, **fields: Any) -> EventRecord:  # noqa: ANN401  # any field
    """Build an event with a unique id, by default for a separate user."""
    defaults: dict[str, Any] = {
        "metric": "Viewed",
        "profile": {"external_id": f"user-{n if user is None else user}"},
        "properties": {"n": n},
        "time": _TIME,
        "unique_id": f"id-{n}",
    }
    return EventRecord(**defaults | fields)


def unique_ids(klaviyo: Sandbox) -> list[str]:
    """Return the unique ids of all recorded events."""
    return sorted(unique_id for _, _, unique_id in recorded_events(klaviyo))
