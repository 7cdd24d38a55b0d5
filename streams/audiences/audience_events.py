"""Audience events and transitions: enter and exit fire once, in event order.

Every event has a rank: its event time, then its origin. The event with the highest rank
decides, whatever the order of arrival, so a duplicate, a late event and a replay change
nothing. At equal times the greater origin (topic, then partition, then offset) wins.
Within a partition the greater origin is the later arrival; between partitions no order
is right, but the order is at least the same each time.
"""

from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, Origin, ReplayMode, section
from streams.events.identifiers import valid_id
from streams.events.row import CHANGE_NAMES, RowChange, row_audience
from streams.state.entries import LastWrite, merge_message_ids

ENTERED_EVENT: Final = "Audience Entered"
EXITED_EVENT: Final = "Audience Exited"

AUDIENCE_CLASSES: Final = frozenset({"audience", "journey_step"})
"""`computation_class` of the computations that Segment syncs as audiences; a computed
trait has the class `computed_trait`. Other producers may omit the class."""

_FLAG_CLASSES: Final = (*AUDIENCE_CLASSES, "")  # a tuple: `in` takes unhashable values
_ENTERED_BY_EVENT_NAME: Final = {ENTERED_EVENT: True, EXITED_EVENT: False}
_ENTERED_BY_ENTITY: Final = {"Entity Added": True, "Entity Removed": False}

AUDIENCE_EVENTS: Final = tuple(_ENTERED_BY_EVENT_NAME)  # `in` takes unhashable values
"""Names of the track calls that are always about an audience."""

ENTITY_EVENTS: Final = tuple(_ENTERED_BY_ENTITY)
"""Names of the track calls of Segment's linked audiences."""

MAYBE_AUDIENCE_EVENTS: Final = (*ENTITY_EVENTS, *CHANGE_NAMES)
"""Names of the track calls that are about an audience if they name one."""


class AudienceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Statement of an event that the user entered or exited an audience.

    Attributes:
        audience: The audience key. It is also the name of its list, as in Segment.
        entered: Whether the user entered, rather than exited.
        list_id: Klaviyo list that the event itself names: `audience_settings.listId`,
            which a person chose, before `external_audience_id`, which is the list made
            for the audience. Empty if the event names none.
    """

    audience: str
    entered: bool
    list_id: str = ""


def audience_events_in(event: CanonicalEvent) -> tuple[AudienceEvent, ...]:
    """Return the audience events in an event; most events have none.

    A track call named "Audience Entered" or "Audience Exited" is about the audience in
    `properties.audience_key`, else in `context.personas.computation_key`. So is "Entity
    Added" or "Entity Removed" of a linked audience, and a row of an audience: the user
    enters when it is new or updated, and exits when it is deleted.

    An identify call is about the audience that `context.personas.computation_key`
    names, if its traits hold a boolean under that key. If `computation_class` is
    absent, another value under that key is a computed trait and not an error.

    Raises:
        PoisonRecord: `missing-audience-key`, `bad-audience-key`, `bad-audience-trait`,
            `bad-personas` or `bad-list-id`.
    """
    if event.kind == "track":
        entered = _ENTERED_BY_EVENT_NAME.get(event.body.get("event", ""))
        if entered is None:
            return _from_row_or_entity(event.body)
        personas = _personas(event.body)
        named = section(event.body, "properties").get("audience_key")
        audience = _key(named) or _key(personas.get("computation_key"))
        if not audience:
            raise PoisonRecord(
                "missing-audience-key",
                "an audience event without properties.audience_key",
            )
        list_id = _list_id(personas)
        return (AudienceEvent(audience=audience, entered=entered, list_id=list_id),)
    return _from_identify(event.body) if event.kind == "identify" else ()


def _from_row_or_entity(body: dict[str, Any]) -> tuple[AudienceEvent, ...]:
    name = body.get("event")
    if name not in MAYBE_AUDIENCE_EVENTS:
        return ()
    audience = _key(row_audience(body))
    if not audience:
        return ()
    is_member = section(body, "properties").get(audience) is not False
    entered = _ENTERED_BY_ENTITY.get(name, name != RowChange.DELETED and is_member)
    list_id = _list_id(_personas(body))
    return (AudienceEvent(audience=audience, entered=entered, list_id=list_id),)


def _from_identify(body: dict[str, Any]) -> tuple[AudienceEvent, ...]:
    personas = _personas(body)
    audience = _key(personas.get("computation_key"))
    computation_class = personas.get("computation_class") or ""
    traits = section(body, "traits")
    if not audience or audience not in traits or computation_class not in _FLAG_CLASSES:
        return ()
    flag = traits[audience]
    if isinstance(flag, bool):
        list_id = _list_id(personas)
        return (AudienceEvent(audience=audience, entered=flag, list_id=list_id),)
    if not computation_class:
        return ()
    raise PoisonRecord("bad-audience-trait", "the audience's trait is not a boolean")


def _personas(body: dict[str, Any]) -> dict[str, Any]:
    personas = section(body, "context").get("personas")
    if personas is None or personas == []:
        return {}
    if isinstance(personas, dict):
        return personas
    raise PoisonRecord("bad-personas", "context.personas is not an object")


def _key(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return valid_id(value, name="the audience key")
    raise PoisonRecord("bad-audience-key", "the audience key is not a string")


def _list_id(personas: dict[str, Any]) -> str:
    chosen = section(personas, "audience_settings").get("listId")
    for value in (chosen, personas.get("external_audience_id")):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise PoisonRecord("bad-list-id", "the list id is not a string")
        if list_id := valid_id(str(value), name="the list id"):
            return list_id
    return ""


class TransitionReason(StrEnum):
    """Reason for a transition or for no transition, as outcomes state the reason."""

    ENTERED = "entered"
    EXITED = "exited"
    UNCHANGED = "unchanged"
    STALE = "stale"
    DUPLICATE = "duplicate"


TRANSITION_REASONS: Final = {
    True: TransitionReason.ENTERED,
    False: TransitionReason.EXITED,
}
"""Whether the user enters, to the reason of the transition."""


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
    value = after.inside, after.list_id
    if before is not None and (before.inside, before.list_id) == value:
        return TransitionResult(after, None, TransitionReason.UNCHANGED)
    transition = Transition(
        audience=audience_event.audience, entered=after.inside, list_id=after.list_id
    )
    return TransitionResult(after, transition, TRANSITION_REASONS[after.inside])


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
    reason = TRANSITION_REASONS[audience_event.entered]
    if (before.inside, before.list_id) == (audience_event.entered, list_id):
        return TransitionResult(None, transition, reason)
    after = msgspec.structs.replace(
        before,
        inside=audience_event.entered,
        list_id=list_id,
        revision=before.revision + 1,
    )
    return TransitionResult(after, transition, reason)


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
