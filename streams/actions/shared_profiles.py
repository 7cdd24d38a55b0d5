"""Profiles that several users share: the last user to leave takes the profile off.

The users of an address may be on several partitions, so none of them knows the others.
A list change is therefore decided twice: by the state of the user, for the transition,
and by the state of the edge between the audience and the address, whose entries are the
users inside. Both decisions may be repeated.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from streams.actions.activation import Activation
from streams.actions.commands import fingerprint
from streams.actions.intents import Deletion, ListRemove, list_id_of
from streams.audiences.audience_events import TransitionReason
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.entries import LastWrite
from streams.state.user_state import UserState

SHARED: Final = "unchanged: shared"
"""Reason for leaving a profile on a list that another of its users is still inside."""

_FORGET: Final = "forget"
"""Action of a claim that ends what an edge knows of a user."""


def edge_key(audience: str, email: str) -> str:
    """Return the key of the edge between an audience and the profile of an address.

    Args:
        audience: The audience key.
        email: The address, in lower case.
    """
    return "edge:" + fingerprint(f"{audience}\0{email}")


class ClaimResult(NamedTuple):
    """Effect of a user's list change on the edge that the change is about.

    Attributes:
        state: State of the edge afterwards; the same object if nothing changed.
        is_delivered: Whether the list change goes to its lane.
        reason: Reason for delivering nothing; empty if that needs no outcome.
    """

    state: UserState
    is_delivered: bool = False
    reason: str = ""


def apply_claim(
    activation: Activation,
    edge: UserState,
    *,
    mode: ReplayMode | None,
    audience_list_id: str,
) -> ClaimResult:
    """Apply a user's list change to the edge.

    An add is always delivered: the users may give the profile different attributes. A
    removal is delivered if no other user is inside on the same list.

    Args:
        activation: The list change, or the end of a user.
        edge: State of the edge.
        mode: Purpose of the replay that brings the change in again; None for none.
        audience_list_id: List that the destination file names for the audience.
    """
    user, rank = activation.user, (activation.time_ms, activation.origin)
    before = edge.holder(user)
    if isinstance(activation.intent, Deletion):
        is_older = before is not None and before.rank < rank
        return ClaimResult(edge.with_holder(user, None) if is_older else edge)
    after = _holder_after(activation, before, audience_list_id)
    if before is not None and rank <= before.rank:
        is_same = (before.inside, before.list_id) == (after.inside, after.list_id)
        if rank < before.rank:
            return ClaimResult(edge, reason=TransitionReason.STALE)
        if is_same and mode is not ReplayMode.RESEND:
            return ClaimResult(edge, reason=TransitionReason.DUPLICATE)
    edge = edge.with_holder(user, after)
    if mode is ReplayMode.STATE_ONLY:
        return ClaimResult(edge)
    if not after.inside and _has_other_inside(edge, user, after.list_id):
        return ClaimResult(edge, reason=SHARED)
    return ClaimResult(edge, is_delivered=True)


def _holder_after(
    activation: Activation, before: LastWrite | None, audience_list_id: str
) -> LastWrite:
    list_id = list_id_of(activation.intent)
    rank = activation.time_ms, activation.origin
    is_corrected = before is not None and before.rank == rank
    return LastWrite(
        inside=not isinstance(activation.intent, ListRemove),
        time_ms=activation.time_ms,
        origin=activation.origin,
        list_id="" if list_id == audience_list_id else list_id,
        revision=before.revision + 1 if before and is_corrected else 0,
    )


def _has_other_inside(edge: UserState, user: str, list_id: str) -> bool:
    return any(
        write.inside and write.list_id == list_id
        for other, write in edge.holders.items()
        if other != user
    )


def forget_user(
    event: CanonicalEvent, before: UserState, after: UserState
) -> Iterable[Activation]:
    """Yield the claims that end what edges know of a user whom an event took off them.

    A deletion removes memberships, and a new entry forgets the addresses of an earlier
    one: nothing else would find their edges.

    Args:
        event: The event.
        before: State of the user before the event.
        after: State of the user after the event.
    """
    for audience, write in after.membership_changes.items():
        previous = before.membership(audience)
        kept = write.addresses if write else ()
        for address in previous.addresses if previous else ():
            if address not in kept:
                yield Activation(
                    action=_FORGET,
                    user=event.user,
                    intent=Deletion(identifiers={}),
                    time_ms=event.time_ms,
                    origin=event.origin,
                    edge=edge_key(audience, address),
                )
