"""(membership, move) → (membership, edge): enter and exit fire once, in event order.

Every word has a rank: its event time, then its origin. The highest rank is the truth,
whatever the order of arrival, so a repeat, a late event and a replay change nothing.
At equal times the greater origin (topic, then partition, then offset) wins: within a
partition that is the later arrival, and between partitions, where no order is right,
it is at least the same one each time.
"""

from enum import StrEnum

import msgspec

from streams.audiences.membership import Membership, heard
from streams.audiences.reading import AudienceMove
from streams.events.model import ReplayMode
from streams.events.origin import Origin


class Why(StrEnum):
    """Why a move did what it did; a reason for the outcome of its event."""

    ENTERED = "entered"
    EXITED = "exited"
    UNCHANGED = "unchanged"
    STALE = "stale"
    REPEAT = "repeat"


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """A change of membership that Klaviyo has to hear of.

    Attributes:
        audience: The audience key, and the name of its list.
        entered: Add to the list, or remove from it.
        list_id: The Klaviyo list an event named; empty means the list paired with
            the audience.
    """

    audience: str
    entered: bool
    list_id: str


def cross(  # noqa: PLR0913 - an event's parts, not the event: commands cross too
    before: Membership | None,
    move: AudienceMove,
    *,
    time_ms: int,
    origin: Origin,
    message_id: str,
    mode: ReplayMode | None = None,
) -> tuple[Membership | None, Edge | None, Why]:
    """Move a membership by one event.

    An exit of a user never known to be inside fires: the list may hold them from
    before, and removing them twice harms nobody. An event that names another list than
    the last one did fires too, for that list must hear it. An exit that names no list
    is from the list of the membership.

    Args:
        before: What is remembered; None when nothing is.
        move: What the event says.
        time_ms: When the event happened.
        origin: The event's source record.
        message_id: The producer's name for the event; empty when there is none.
        mode: What the replay is for that takes the event in again. The last word itself
            is told again where that is asked for, or where a mended mapping makes
            another of it; an older one never.

    Returns:
        What to remember from now on, None when that did not change; the edge to
        deliver, if any; and why.
    """
    if before is not None and (time_ms, origin) <= (before.time_ms, before.origin):
        is_last = (time_ms, origin) == (before.time_ms, before.origin)
        if is_last and _tells_again(mode, before, move):
            return _told_again(before, move)
        return _outranked(before, time_ms=time_ms, origin=origin, message_id=message_id)
    same_time = before is not None and time_ms == before.time_ms
    earlier_ids = before.message_ids if before is not None and same_time else ()
    if message_id and message_id in earlier_ids:
        return None, None, Why.REPEAT
    after = Membership(
        inside=move.entered,
        time_ms=time_ms,
        origin=origin,
        message_ids=heard(message_id, *earlier_ids),
        list_id=_list_of(before, move),
    )
    edge = _edge_between(before, after, audience=move.audience)
    return after, edge, _reason(edge)


def _tells_again(
    mode: ReplayMode | None, before: Membership, move: AudienceMove
) -> bool:
    other = before.inside != move.entered
    return mode is ReplayMode.AGAIN or (mode is ReplayMode.CORRECT and other)


def _told_again(
    before: Membership, move: AudienceMove
) -> tuple[Membership | None, Edge, Why]:
    list_id = move.list_id or before.list_id
    edge = Edge(audience=move.audience, entered=move.entered, list_id=list_id)
    if (before.inside, before.list_id) == (move.entered, list_id):
        return None, edge, _reason(edge)
    after = msgspec.structs.replace(
        before, inside=move.entered, list_id=list_id, revision=before.revision + 1
    )
    return after, edge, _reason(edge)


def _outranked(
    before: Membership, *, time_ms: int, origin: Origin, message_id: str
) -> tuple[Membership | None, None, Why]:
    if time_ms < before.time_ms:
        return None, None, Why.STALE
    if origin == before.origin or message_id in before.message_ids:
        return None, None, Why.REPEAT
    message_ids = heard(message_id, *before.message_ids)
    if message_ids == before.message_ids:
        return None, None, Why.STALE
    after = msgspec.structs.replace(before, message_ids=message_ids)
    return after, None, Why.STALE


def _list_of(before: Membership | None, move: AudienceMove) -> str:
    """Name the list; an event that names none stays with the one in use."""
    if move.list_id or before is None:
        return move.list_id
    return before.list_id if before.inside or not move.entered else ""


def _edge_between(
    before: Membership | None, after: Membership, *, audience: str
) -> Edge | None:
    if (
        before is not None
        and before.inside == after.inside
        and before.list_id == after.list_id
    ):
        return None
    return Edge(audience=audience, entered=after.inside, list_id=after.list_id)


def _reason(edge: Edge | None) -> Why:
    if edge is None:
        return Why.UNCHANGED
    return Why.ENTERED if edge.entered else Why.EXITED
