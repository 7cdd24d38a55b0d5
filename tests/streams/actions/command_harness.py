"""Events that command, and a user's row that hears them, for tests."""

from typing import Any

from streams.actions.commands import CommandResult, apply_command
from streams.actions.intents import Consent, ConsentChange, Intent
from streams.events.canonical_event import CanonicalEvent
from streams.events.origin import Origin
from streams.state.user_row import EMPTY_ROW


def event_at(time_ms: int, *, offset: int = 0, message_id: str = "") -> CanonicalEvent:
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


class CommandedUser:
    """A row that hears commands.

    Attributes:
        row: What is remembered.
    """

    def __init__(self) -> None:
        self.row = EMPTY_ROW

    def apply(self, intent: Intent, event: CanonicalEvent) -> CommandResult:
        """Hear one, and remember it."""
        result = apply_command(intent, self.row, event=event)
        self.row = result.row
        return result

    def remaining_after(self, intent: Intent, event: CanonicalEvent) -> Intent | None:
        """Hear one, and say what is still to be done."""
        return self.apply(intent, event).intent
