"""Transitions of a membership: enter and exit fire once, in event order.

Every event has a rank: its event time, then its origin. The event with the highest rank
decides, whatever the order of arrival, so a duplicate, a late event and a replay change
nothing. At equal times the greater origin (topic, then partition, then offset) wins.
Within a partition the greater origin is the later arrival; between partitions no order
is right, but the order is at least the same each time.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec

from streams.audiences.audience_events import AudienceEvent
from streams.events.canonical_event import Origin, ReplayMode
from streams.state.last_write import LastWrite, merge_message_ids


class TransitionReason(StrEnum):
    """Reason for a transition or for no transition, as outcomes state the reason."""

    ENTERED = "entered"
    EXITED = "exited"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DUPLICATE = "duplicate"


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """Change of a membership that must reach Klaviyo.

    Attributes:
        audience: The audience key, and the name of its list.
        entered: Whether to add to the list, rather than remove from it.
        list_id: The Klaviyo list that an event named; empty for the audience's own
            list.
    """

    audience: str
    entered: bool
    list_id: str


class TransitionResult(NamedTuple):
    """Effect of an event on a membership.

    Attributes:
        last_write: The new last write; None if it does not change.
        transition: The transition to deliver, if any.
        reason: Reason for the transition, or for its absence.
    """

    last_write: LastWrite | None
    transition: Transition | None
    reason: TransitionReason


def apply_event(  # noqa: PLR0913 - an event's parts, not the event: commands use it too
    before: LastWrite | None,
    audience_event: AudienceEvent,
    *,
    time_ms: int,
    origin: Origin,
    message_id: str,
    mode: ReplayMode | None = None,
) -> TransitionResult:
    """Apply an event to the last write on a membership.

    An exit of a user who was never seen inside fires: the list may hold the user from
    earlier, and a second removal does no harm. An event that names another list than
    the last write fires too, because the other list needs the change. An exit that
    names no list is from the list of the last write.

    Args:
        before: The last write; None if there is none.
        audience_event: Statement of the event.
        time_ms: Event time.
        origin: The event's source record.
        message_id: The producer's name for the event; empty if it has none.
        mode: Purpose of the replay that brings the event in again. The last write
            itself fires again if the replay asks for that, or if a corrected mapping
            changes its value; an older event never fires again.
    """
    if before is not None and (time_ms, origin) <= before.rank:
        is_last = (time_ms, origin) == before.rank
        if is_last and _is_resent(mode, before, audience_event):
            return _resend(before, audience_event)
        return _apply_older_event(
            before, time_ms=time_ms, origin=origin, message_id=message_id
        )
    same_time = before is not None and time_ms == before.time_ms
    earlier_ids = before.message_ids if before is not None and same_time else ()
    if message_id and message_id in earlier_ids:
        return TransitionResult(None, None, TransitionReason.DUPLICATE)
    after = LastWrite(
        inside=audience_event.entered,
        time_ms=time_ms,
        origin=origin,
        message_ids=merge_message_ids(message_id, *earlier_ids),
        list_id=_list_of(before, audience_event),
    )
    transition = _transition_between(before, after, audience=audience_event.audience)
    return TransitionResult(after, transition, _reason(transition))


def _is_resent(
    mode: ReplayMode | None, before: LastWrite, audience_event: AudienceEvent
) -> bool:
    differs = before.inside != audience_event.entered
    return mode is ReplayMode.RESEND or (mode is ReplayMode.CHANGES_ONLY and differs)


def _resend(before: LastWrite, audience_event: AudienceEvent) -> TransitionResult:
    list_id = audience_event.list_id or before.list_id
    transition = Transition(
        audience=audience_event.audience,
        entered=audience_event.entered,
        list_id=list_id,
    )
    if (before.inside, before.list_id) == (audience_event.entered, list_id):
        return TransitionResult(None, transition, _reason(transition))
    after = msgspec.structs.replace(
        before,
        inside=audience_event.entered,
        list_id=list_id,
        revision=before.revision + 1,
    )
    return TransitionResult(after, transition, _reason(transition))


def _apply_older_event(
    before: LastWrite, *, time_ms: int, origin: Origin, message_id: str
) -> TransitionResult:
    if time_ms < before.time_ms:
        return TransitionResult(None, None, TransitionReason.STALE)
    if origin == before.origin or message_id in before.message_ids:
        return TransitionResult(None, None, TransitionReason.DUPLICATE)
    message_ids = merge_message_ids(message_id, *before.message_ids)
    if message_ids == before.message_ids:
        return TransitionResult(None, None, TransitionReason.STALE)
    after = msgspec.structs.replace(before, message_ids=message_ids)
    return TransitionResult(after, None, TransitionReason.STALE)


def _list_of(before: LastWrite | None, audience_event: AudienceEvent) -> str:
    """Return the list; an event that names none stays with the list in use."""
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
