"""An activation comes back from a lane or a dead letter: is it still the last word?"""

import msgspec

from streams.actions.activation import Activation
from streams.actions.attributes import fresh
from streams.actions.commands import Newest, deleted_later, newest
from streams.actions.intents import Intent, ListAdd, ListRemove
from streams.actions.kinds import list_of
from streams.audiences.membership import Membership
from streams.audiences.reading import AudienceMove
from streams.audiences.row import Memberships
from streams.audiences.transition import Why, cross
from streams.destination.decide import NOT_SYNCED, REBUILT, Decision, complete
from streams.destination.model import AudienceRule, Destination
from streams.events.model import CanonicalEvent, Replay, ReplayMode


def readmitted(
    activation: Activation,
    row: Memberships,
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
        found = _of_audience(activation, row, event, destination)
    else:
        found = newest(activation.intent, row, event=event, retells=True)
    if replay.mode is ReplayMode.REBUILD:
        return _decision(event, found._replace(intent=None, why=REBUILT))
    return _decision(event, found, activation)


def _decision(
    event: CanonicalEvent, found: Newest, activation: Activation | None = None
) -> Decision:
    if found.intent is None or activation is None:
        return Decision(
            memberships=found.row, reason=found.why, message_id=event.message_id
        )
    assert event.replay is not None  # noqa: S101 - it is what brings it back
    again = msgspec.structs.replace(
        activation, intent=complete(found.intent, event), replay=event.replay.id
    )
    return Decision(
        memberships=found.row, activations=(again,), message_id=event.message_id
    )


def _of_audience(
    activation: Activation,
    row: Memberships,
    event: CanonicalEvent,
    destination: Destination,
) -> Newest:
    """An audience has a word of its own on its list, whichever that is."""
    rule = destination.audiences.get(activation.audience, AudienceRule())
    if not (destination.sync_audiences and rule.enabled):
        return Newest(None, row, NOT_SYNCED)
    if deleted_later(row, event):
        return Newest(None, row, Why.STALE)
    before = row.get(activation.audience)
    mode = event.replay.mode if event.replay else None
    moved, edge, why = cross(
        before,
        AudienceMove(
            audience=activation.audience,
            entered=not isinstance(activation.intent, ListRemove),
            list_id=_named(activation, rule, before=before, mode=mode),
        ),
        time_ms=event.time_ms,
        origin=event.origin,
        message_id=event.message_id,
        mode=mode,
    )
    if moved is not None:
        row = {**row, activation.audience: moved}
    if edge is None:
        return Newest(None, row, why)
    intent: Intent = _on(activation.intent, edge.list_id or rule.list_id)
    if isinstance(intent, ListAdd):
        intent, row, _ = fresh(intent, row, event=event)
    return Newest(intent, row, why)


def _named(
    activation: Activation,
    rule: AudienceRule,
    *,
    before: Membership | None,
    mode: ReplayMode | None,
) -> str:
    """Name the list that the event named: a row knows that, and else the activation."""
    own = list_of(activation.intent)
    knows = before is not None and mode is not ReplayMode.REBUILD
    return "" if knows or own == rule.list_id else own


def _on(intent: Intent, list_id: str) -> Intent:
    """Mean the list that the event or the settings name now."""
    if isinstance(intent, ListAdd | ListRemove):
        return msgspec.structs.replace(intent, list_id=list_id)
    return intent
