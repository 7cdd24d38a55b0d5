"""Events with commands, and a user's state that the commands change, for tests."""

from typing import Any

from streams.actions.commands import CommandResult, apply_command
from streams.actions.intents import Consent, ConsentChange, Intent
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.state.user_state import EMPTY_STATE


def event_at(time_ms: int, *, offset: int = 0, message_id: str = "") -> CanonicalEvent:
    """Build an event of the user `u` at a time."""
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
    """Build a consent change, for e-mail unless other channels are named."""
    person: dict[str, Any] = {"profile": {"email": "a@b.co"}}
    return ConsentChange(
        consent=Consent.SUBSCRIBED if given else Consent.UNSUBSCRIBED,
        channels=channels or ("email.marketing",),
        **person | members,
    )


class CommandedUser:
    """User's state, to which commands are applied.

    Attributes:
        state: The state after the commands so far.
    """

    def __init__(self) -> None:
        self.state = EMPTY_STATE

    def apply(self, intent: Intent, event: CanonicalEvent) -> CommandResult:
        """Apply a command, and keep the state after the command."""
        result = apply_command(intent, self.state, event=event)
        self.state = result.state
        return result

    def remaining_after(self, intent: Intent, event: CanonicalEvent) -> Intent | None:
        """Apply a command, and return the remaining intent."""
        return self.apply(intent, event).intent
