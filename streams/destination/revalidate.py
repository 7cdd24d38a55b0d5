"""An activation comes back from a lane or a dead letter: is it still the last word?"""

import msgspec

from streams.actions.activation import Activation
from streams.actions.attributes import drop_stale_attributes
from streams.actions.commands import CommandResult, apply_command, deleted_after
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.actions.kinds import list_id_of
from streams.audiences.audience_events import AudienceEvent
from streams.audiences.transition import TransitionReason, apply_event
from streams.destination.decide import NOT_SYNCED, REBUILT, Decision, complete_event
from streams.destination.model import AudienceRule, Destination
from streams.events.canonical_event import CanonicalEvent, Replay, ReplayMode
from streams.state.last_write import LastWrite
from streams.state.user_row import UserRow


def revalidate(
    activation: Activation,
    row: UserRow,
    *,
    replay: Replay,
    destination: Destination,
) -> Decision:
    """Hold an activation against what its user's row has heard since.

    Args:
        activation: As its lane had it.
        row: Its user's row.
        replay: What brings it back.
        destination: Which audiences are synced, and with which lists.
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
        result = _revalidate_audience(activation, row, event, destination)
    else:
        result = apply_command(activation.intent, row, event=event, allow_repeat=True)
    if replay.mode is ReplayMode.STATE_ONLY:
        return _decision(event, result._replace(intent=None, reason=REBUILT))
    return _decision(event, result, activation)


def _decision(
    event: CanonicalEvent, result: CommandResult, activation: Activation | None = None
) -> Decision:
    if result.intent is None or activation is None:
        return Decision(
            row=result.row, reason=result.reason, message_id=event.message_id
        )
    assert event.replay is not None  # noqa: S101 - it is what brings it back
    revalidated = msgspec.structs.replace(
        activation, intent=complete_event(result.intent, event), replay=event.replay.id
    )
    return Decision(
        row=result.row, activations=(revalidated,), message_id=event.message_id
    )


def _revalidate_audience(
    activation: Activation,
    row: UserRow,
    event: CanonicalEvent,
    destination: Destination,
) -> CommandResult:
    """An audience has a word of its own on its list, whichever that is."""
    rule = destination.audiences.get(activation.audience, AudienceRule())
    if not (destination.sync_audiences and rule.enabled):
        return CommandResult(None, row, NOT_SYNCED)
    if deleted_after(row, event):
        return CommandResult(None, row, TransitionReason.STALE)
    before = row.get(activation.audience)
    mode = event.replay.mode if event.replay else None
    after, transition, reason = apply_event(
        before,
        AudienceEvent(
            audience=activation.audience,
            entered=not isinstance(activation.intent, ListRemove),
            list_id=_list_id_from_event(activation, rule, before=before, mode=mode),
        ),
        time_ms=event.time_ms,
        origin=event.origin,
        message_id=event.message_id,
        mode=mode,
    )
    if after is not None:
        row = {**row, activation.audience: after}
    if transition is None:
        return CommandResult(None, row, reason)
    intent: Intent = _with_list_id(
        activation.intent, transition.list_id or rule.list_id
    )
    if isinstance(intent, ListAdd):
        intent, row, _ = drop_stale_attributes(intent, row, event=event)
    return CommandResult(intent, row, reason)


def _list_id_from_event(
    activation: Activation,
    rule: AudienceRule,
    *,
    before: LastWrite | None,
    mode: ReplayMode | None,
) -> str:
    """Name the list that the event named: a row knows that, and else the activation."""
    activation_list_id = list_id_of(activation.intent)
    row_names_list = before is not None and mode is not ReplayMode.STATE_ONLY
    return (
        ""
        if row_names_list or activation_list_id == rule.list_id
        else activation_list_id
    )


def _with_list_id(intent: Intent, list_id: str) -> Intent:
    """Mean the list that the event or the settings name now."""
    if isinstance(intent, ListAdd | ListRemove):
        return msgspec.structs.replace(intent, list_id=list_id)
    return intent
