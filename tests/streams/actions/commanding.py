"""Events that command, and a user's row that hears them, for tests."""

from typing import Any

from streams.actions.commands import Newest, newest
from streams.actions.intents import Consent, ConsentChange, Intent
from streams.audiences.row import Memberships
from streams.events.model import CanonicalEvent
from streams.events.origin import Origin


def at(time_ms: int, *, offset: int = 0, message_id: str = "") -> CanonicalEvent:
    """Make an event of `u` of that time."""
    return CanonicalEvent(
        kind="track",
        user="u",
        message_id=message_id,
        time_ms=time_ms,
        origin=Origin(topic="source", partition=0, offset=offset),
        body={"userId": "u"},
    )


def consent(
    *channels: str,
    given: bool,
    **members: Any,  # noqa: ANN401 - of an intent
) -> ConsentChange:
    """Give or withdraw consent, to email unless other channels are named."""
    person: dict[str, Any] = {"profile": {"email": "a@b.co"}}
    return ConsentChange(
        consent=Consent.SUBSCRIBED if given else Consent.UNSUBSCRIBED,
        channels=channels or ("email.marketing",),
        **person | members,
    )


class User:
    """A row that hears commands.

    Attributes:
        row: What is remembered.
    """

    def __init__(self) -> None:
        self.row: Memberships = {}

    def hear(self, intent: Intent, event: CanonicalEvent) -> Newest:
        """Hear one, and remember it."""
        found = newest(intent, self.row, event=event)
        self.row = found.row
        return found

    def left(self, intent: Intent, event: CanonicalEvent) -> Intent | None:
        """Hear one, and say what is still to be done."""
        return self.hear(intent, event).intent
