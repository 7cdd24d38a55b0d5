"""Revalidation of an activation that comes back from a lane or a dead letter.

The activation is delivered only if it is still the last write on its matter.
"""

import msgspec

from streams.actions.activation import Activation
from streams.actions.commands import apply_command
from streams.actions.intents import (
    ConsentChange,
    Intent,
    ListAdd,
    ListRemove,
    list_id_of,
)
from streams.audiences.audience_events import (
    AudienceEvent,
    Transition,
    TransitionReason,
)
from streams.destination.completion import complete_event
from streams.destination.decide import REBUILT, Decision
from streams.destination.memberships import (
    AudienceResult,
    apply_audience_event,
    edge_of,
)
from streams.destination.model import AudienceRule, Destination
from streams.events.canonical_event import CanonicalEvent, Replay, ReplayMode
from streams.state.user_state import UserState


def revalidate(
    activation: Activation,
    state: UserState,
    *,
    replay: Replay,
    destination: Destination,
) -> Decision:
    """Compare an activation with the later events in the user's state.

    Args:
        activation: The activation as its lane had it.
        state: The state of its user.
        replay: The replay that brings the activation back.
        destination: The synced audiences and their lists.
    """
    event = CanonicalEvent(
        kind="track",
        user=activation.user,
        message_id=activation.message_id,
        time_ms=activation.time_ms,
        origin=activation.origin,
        body={},
        replay=replay,
    )
    if activation.audience:
        intents, state, reason = _revalidate_audience(
            activation, state, event, destination
        )
    else:
        intent, state, reason = apply_command(
            activation.intent, state, event=event, allow_repeat=True
        )
        intents = () if intent is None else (intent,)
    intents = tuple(_unlink_previous_email(intent, state) for intent in intents)
    revalidated = [
        msgspec.structs.replace(
            activation,
            intent=complete_event(intent, event),
            index=activation.index + offset,
            replay=replay.id,
            edge=_edge_of(intent, activation, state, destination),
        )
        for offset, intent in enumerate(intents)
    ]
    if replay.mode is ReplayMode.STATE_ONLY:
        return Decision(
            state=state,
            activations=tuple(one for one in revalidated if one.edge),
            reason=REBUILT,
            message_id=event.message_id,
        )
    return Decision(
        state=state,
        activations=tuple(revalidated),
        reason="" if revalidated else reason,
        message_id=event.message_id,
    )


def _edge_of(
    intent: Intent, activation: Activation, state: UserState, destination: Destination
) -> str:
    """Return the key of the edge of a list change, if users may share profiles."""
    if not (activation.audience and destination.identity_rules.shared_profiles):
        return ""
    return edge_of(intent, activation.audience, state)


def _unlink_previous_email(intent: Intent, state: UserState) -> Intent:
    """Name no user on a consent for an address that is not the user's any more.

    The user's profile would get that address back.
    """
    if not (isinstance(intent, ConsentChange) and intent.external_id):
        return intent
    is_current = intent.profile.get("email", "").lower() == state.identity.email
    return intent if is_current else msgspec.structs.replace(intent, external_id="")


def _revalidate_audience(
    activation: Activation,
    state: UserState,
    event: CanonicalEvent,
    destination: Destination,
) -> AudienceResult:
    def build_intent(_: Transition, list_id: str) -> Intent:
        if isinstance(activation.intent, ListAdd | ListRemove):
            return msgspec.structs.replace(activation.intent, list_id=list_id)
        return activation.intent

    rule = destination.audiences.get(activation.audience, AudienceRule())
    before = state.membership(activation.audience)
    is_removal = isinstance(activation.intent, ListRemove)
    if is_removal and before and before.inside and before.rank == event.rank:
        # The profile of a previous address was removed, and the user is inside.
        return AudienceResult((), state, TransitionReason.STALE)
    audience_event = AudienceEvent(
        audience=activation.audience,
        entered=not is_removal,
        list_id=_list_id_from_event(
            activation,
            rule,
            state_names_list=before is not None
            and event.replay_mode is not ReplayMode.STATE_ONLY,
        ),
    )
    return apply_audience_event(
        audience_event,
        state,
        event=event,
        destination=destination,
        build_intent=build_intent,
    )


def _list_id_from_event(
    activation: Activation, rule: AudienceRule, *, state_names_list: bool
) -> str:
    """Return the list that the event named; empty if the state has that list."""
    activation_list_id = list_id_of(activation.intent)
    if state_names_list or activation_list_id == rule.list_id:
        return ""
    return activation_list_id
