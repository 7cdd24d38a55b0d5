"""Reading of audience events: entries of users to audiences, and exits."""

from typing import Any, Final

import msgspec

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, section
from streams.events.identifiers import valid_id

ENTERED_EVENT: Final = "Audience Entered"
EXITED_EVENT: Final = "Audience Exited"

AUDIENCE_CLASSES: Final = frozenset({"audience", "journey_step"})
"""`computation_class` of the computations that Segment syncs as audiences; a computed
trait has the class `computed_trait`. Other producers may omit the class."""

_FLAG_CLASSES: Final = (*AUDIENCE_CLASSES, "")  # a tuple: `in` takes unhashable values
_ENTERED_BY_EVENT_NAME: Final = {ENTERED_EVENT: True, EXITED_EVENT: False}


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
    `properties.audience_key`, else in `context.personas.computation_key`. An identify
    call is about the audience that `context.personas.computation_key` names, if its
    traits hold a boolean under that key. If `computation_class` is absent, another
    value under that key is a computed trait and not an error.

    Raises:
        PoisonRecord: `missing-audience-key`, `bad-audience-key`, `bad-audience-trait`,
            `bad-personas` or `bad-list-id`.
    """
    if event.kind == "track":
        entered = _ENTERED_BY_EVENT_NAME.get(event.body.get("event", ""))
        return () if entered is None else (_from_track(event.body, entered=entered),)
    return _from_identify(event.body) if event.kind == "identify" else ()


def _from_track(body: dict[str, Any], *, entered: bool) -> AudienceEvent:
    personas = _personas(body)
    audience = _key(section(body, "properties").get("audience_key")) or _key(
        personas.get("computation_key")
    )
    if not audience:
        raise PoisonRecord(
            "missing-audience-key", "an audience event without properties.audience_key"
        )
    return AudienceEvent(audience=audience, entered=entered, list_id=_list_id(personas))


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
    return _list_id_text(chosen) or _list_id_text(personas.get("external_audience_id"))


def _list_id_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return valid_id(str(value), name="the list id")
    raise PoisonRecord("bad-list-id", "the list id is not a string")
