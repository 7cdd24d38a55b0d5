"""Application of an audience event to a user's state: the rule of both decisions.

`decide` applies the audience events of a source event, `revalidate` applies that of an
activation which comes back from a lane or a dead letter.
"""

from collections.abc import Callable
from typing import Final

from streams.actions.attributes import drop_stale_attributes
from streams.actions.commands import CommandResult, deleted_after
from streams.actions.intents import Intent, ListAdd
from streams.audiences.audience_events import (
    AudienceEvent,
    Transition,
    TransitionReason,
    apply_event,
)
from streams.destination.model import AudienceRule, Destination
from streams.events.canonical_event import CanonicalEvent
from streams.state.user_state import UserState

NOT_SYNCED: Final = "audience-not-synced"

BuildIntent = Callable[[Transition, str], Intent]
"""Builds the list change for a transition and a list id, which may be empty."""


def apply_audience_event(
    audience_event: AudienceEvent,
    state: UserState,
    *,
    event: CanonicalEvent,
    destination: Destination,
    build_intent: BuildIntent,
) -> CommandResult:
    """Apply an audience event to the user's state; a transition becomes a list change.

    The list is the one that the event names, else the one that the destination names,
    else the audience's own list (empty).

    Args:
        audience_event: Statement that the user entered or exited an audience.
        state: The user's state.
        event: The event that makes the statement.
        destination: Which audiences are synced, and their lists.
        build_intent: Builds the list change; an error leaves the state as it is.
    """
    audience = audience_event.audience
    rule = destination.audiences.get(audience, AudienceRule())
    if not (destination.sync_audiences and rule.enabled):
        return CommandResult(None, state, NOT_SYNCED)
    if deleted_after(state, event):
        return CommandResult(None, state, TransitionReason.STALE)
    after, transition, reason = apply_event(
        state.membership(audience),
        audience_event,
        time_ms=event.time_ms,
        origin=event.origin,
        message_id=event.message_id,
        mode=event.replay_mode,
    )
    intent = None
    if transition is not None:
        intent = build_intent(transition, transition.list_id or rule.list_id)
    if after is not None:
        state = state.with_membership(audience, after)
    if isinstance(intent, ListAdd):
        intent, state, _ = drop_stale_attributes(intent, state, event=event)
    return CommandResult(intent, state, reason)
