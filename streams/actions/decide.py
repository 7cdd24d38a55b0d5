"""What an event makes of a user's memberships, and what is to be done for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.actions.activation import Action, Activation
from streams.audiences.reading import AudienceMove, audience_moves
from streams.audiences.row import Memberships
from streams.audiences.transition import Edge, cross
from streams.errors import PoisonRecord
from streams.events.identity import identifiers_of, profile_of
from streams.events.model import CanonicalEvent

_ACTIONS = {True: Action.ADD_PROFILE_TO_LIST, False: Action.REMOVE_PROFILE_FROM_LIST}

IDENTIFIERS = ("external_id", "email", "phone_number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from one event.

    Attributes:
        memberships: The user's row after it; the same object when nothing moved.
        activations: What is to be done, in order.
        reason: Why there is nothing to be done, when there is not.
    """

    memberships: Memberships
    activations: tuple[Activation, ...] = ()
    reason: str = ""


def decide(
    event: CanonicalEvent,
    memberships: Memberships,
    *,
    list_ids: Mapping[str, str],
) -> Decision:
    """Move a user's memberships by one event.

    Args:
        event: The event.
        memberships: Audience -> membership, of this event's user.
        list_ids: Audience -> Klaviyo list id, where the settings name one.

    Raises:
        PoisonRecord: An audience event that can't be read.
    """
    moves = audience_moves(event)
    if moves:
        return _move(event, memberships, moves, list_ids)
    if event.kind != "identify":
        return Decision(memberships=memberships, reason="no-mapping")
    profile = profile_of(event)
    if not any(name in profile for name in IDENTIFIERS):
        return Decision(memberships=memberships, reason="no-identifier")
    upsert = _activation(event, profile, action=Action.UPSERT_PROFILE)
    return Decision(memberships=memberships, activations=(upsert,))


def _move(
    event: CanonicalEvent,
    memberships: Memberships,
    moves: tuple[AudienceMove, ...],
    list_ids: Mapping[str, str],
) -> Decision:
    after, activations, reasons = dict(memberships), [], []
    for move in moves:
        moved, edge, why = cross(
            after.get(move.audience),
            move,
            time_ms=event.time_ms,
            origin=event.origin,
            message_id=event.message_id,
        )
        if moved is not None:
            after[move.audience] = moved
        if edge is None:
            reasons.append(why)
        else:
            activations.append(_list_change(event, edge, list_ids))
    return Decision(
        memberships=after if after != memberships else memberships,
        activations=tuple(activations),
        reason=",".join(reasons),
    )


def _list_change(
    event: CanonicalEvent, edge: Edge, list_ids: Mapping[str, str]
) -> Activation:
    identifiers = identifiers_of(event)
    if not identifiers:
        raise PoisonRecord("no-identifier", "no user id, email or phone Klaviyo takes")
    return _activation(
        event,
        identifiers,
        action=_ACTIONS[edge.entered],
        audience=edge.audience,
        list_id=edge.list_id or list_ids.get(edge.audience, ""),
    )


def _activation(
    event: CanonicalEvent, profile: dict[str, Any], *, action: Action, **more: str
) -> Activation:
    return Activation(
        action=action,
        user=event.user,
        profile=profile,
        time_ms=event.time_ms,
        origin=event.origin,
        **more,
    )
