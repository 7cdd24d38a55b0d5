"""An activation comes back from a lane or a dead letter: is it still the last word?"""

import msgspec

from streams.actions.activation import Activation
from streams.actions.commands import Newest, deleted_later, newest
from streams.actions.intents import ListRemove
from streams.audiences.reading import AudienceMove
from streams.audiences.row import Memberships
from streams.audiences.transition import Why, cross
from streams.destination.decide import REBUILT, Decision, complete
from streams.events.model import CanonicalEvent, Replay, ReplayMode


def readmitted(activation: Activation, row: Memberships, *, replay: Replay) -> Decision:
    """Hold an activation against what its user's row has heard since.

    Args:
        activation: As its lane had it.
        row: Its user's row.
        replay: What brings it back.
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
    heard = _of_audience if activation.audience else _of_mapping
    found = heard(activation, row, event)
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


def _of_mapping(
    activation: Activation, row: Memberships, event: CanonicalEvent
) -> Newest:
    return newest(activation.intent, row, event=event)


def _of_audience(
    activation: Activation, row: Memberships, event: CanonicalEvent
) -> Newest:
    """An audience has a word of its own on its list, whichever that is."""
    if deleted_later(row, event):
        return Newest(None, row, Why.STALE)
    moved, edge, why = cross(
        row.get(activation.audience),
        AudienceMove(
            audience=activation.audience,
            entered=not isinstance(activation.intent, ListRemove),
        ),
        time_ms=event.time_ms,
        origin=event.origin,
        message_id=event.message_id,
        mode=event.replay.mode if event.replay else None,
    )
    if moved is not None:
        row = {**row, activation.audience: moved}
    return Newest(activation.intent if edge else None, row, why)
