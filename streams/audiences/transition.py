"""(membership, move) → (membership, edge): enter and exit fire once, in event order.

Every word has a rank: its event time, then its origin. The highest rank is the truth,
whatever the order of arrival, so a repeat, a late event and a replay change nothing.
At equal times the greater origin (topic, then partition, then offset) wins: within a
partition that is the later arrival, and between partitions, where no order is right,
it is at least the same one each time.
"""

from enum import StrEnum

import msgspec

from streams.audiences.audience_events import AudienceEvent
from streams.events.canonical_event import ReplayMode
from streams.events.origin import Origin
from streams.state.last_write import LastWrite, merge_message_ids


class TransitionReason(StrEnum):
    """Why a move did what it did; a reason for the outcome of its event."""

    ENTERED = "entered"
    EXITED = "exited"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DUPLICATE = "duplicate"


class Transition(msgspec.Struct, frozen=True, kw_only=True):
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


def apply_event(  # noqa: PLR0913 - an event's parts, not the event: commands cross too
    before: LastWrite | None,
    audience_event: AudienceEvent,
    *,
    time_ms: int,
    origin: Origin,
    message_id: str,
    mode: ReplayMode | None = None,
) -> tuple[LastWrite | None, Transition | None, TransitionReason]:
    """Move a membership by one event.

    An exit of a user never known to be inside fires: the list may hold them from
    before, and removing them twice harms nobody. An event that names another list than
    the last one did fires too, for that list must hear it. An exit that names no list
    is from the list of the membership.

    Args:
        before: What is remembered; None when nothing is.
        audience_event: What the event says.
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
        if is_last and _is_resent(mode, before, audience_event):
            return _resend(before, audience_event)
        return _apply_older_event(
            before, time_ms=time_ms, origin=origin, message_id=message_id
        )
    same_time = before is not None and time_ms == before.time_ms
    earlier_ids = before.message_ids if before is not None and same_time else ()
    if message_id and message_id in earlier_ids:
        return None, None, TransitionReason.DUPLICATE
    after = LastWrite(
        inside=audience_event.entered,
        time_ms=time_ms,
        origin=origin,
        message_ids=merge_message_ids(message_id, *earlier_ids),
        list_id=_list_of(before, audience_event),
    )
    transition = _transition_between(before, after, audience=audience_event.audience)
    return after, transition, _reason(transition)


def _is_resent(
    mode: ReplayMode | None, before: LastWrite, audience_event: AudienceEvent
) -> bool:
    differs = before.inside != audience_event.entered
    return mode is ReplayMode.RESEND or (mode is ReplayMode.CHANGES_ONLY and differs)


def _resend(
    before: LastWrite, audience_event: AudienceEvent
) -> tuple[LastWrite | None, Transition, TransitionReason]:
    list_id = audience_event.list_id or before.list_id
    transition = Transition(
        audience=audience_event.audience,
        entered=audience_event.entered,
        list_id=list_id,
    )
    if (before.inside, before.list_id) == (audience_event.entered, list_id):
        return None, transition, _reason(transition)
    after = msgspec.structs.replace(
        before,
        inside=audience_event.entered,
        list_id=list_id,
        revision=before.revision + 1,
    )
    return after, transition, _reason(transition)


def _apply_older_event(
    before: LastWrite, *, time_ms: int, origin: Origin, message_id: str
) -> tuple[LastWrite | None, None, TransitionReason]:
    if time_ms < before.time_ms:
        return None, None, TransitionReason.STALE
    if origin == before.origin or message_id in before.message_ids:
        return None, None, TransitionReason.DUPLICATE
    message_ids = merge_message_ids(message_id, *before.message_ids)
    if message_ids == before.message_ids:
        return None, None, TransitionReason.STALE
    after = msgspec.structs.replace(before, message_ids=message_ids)
    return after, None, TransitionReason.STALE


def _list_of(before: LastWrite | None, audience_event: AudienceEvent) -> str:
    """Name the list; an event that names none stays with the one in use."""
    if audience_event.list_id or before is None:
        return audience_event.list_id
    return before.list_id if before.inside or not audience_event.entered else ""


def _transition_between(
    before: LastWrite | None, after: LastWrite, *, audience: str
) -> Transition | None:
    if (
        before is not None
        and before.inside == after.inside
        and before.list_id == after.list_id
    ):
        return None
    return Transition(audience=audience, entered=after.inside, list_id=after.list_id)


def _reason(transition: Transition | None) -> TransitionReason:
    if transition is None:
        return TransitionReason.UNCHANGED
    return TransitionReason.ENTERED if transition.entered else TransitionReason.EXITED
