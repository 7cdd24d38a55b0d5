"""Source format `rudderstack`: events and rows of RudderStack's Kafka destination.

Shapes: rudder-transformer commit c98d160, src/types/rudderEvents.ts, and for Klaviyo
src/v0/destinations/klaviyo/transformV2.ts with its tests.
"""

from dataclasses import replace
from typing import Any, Final

from streams.errors import PoisonRecord
from streams.events.canonical_event import section
from streams.events.formats.row_source import offset_of, row_bodies, typed_columns
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.row import RowChange
from streams.events.sources import Source
from streams.events.time import TIME_FIELDS

RECORD_TYPE: Final = "record"
"""Type of a row that RudderStack's visual mapper, version 2, has read."""

CHANGES: Final = {
    "insert": RowChange.ADDED,
    "update": RowChange.UPDATED,
    "delete": RowChange.DELETED,
}
"""Actions of such a row."""

_CONTACTS: Final = {"email": "email", "phone": "phone", "phone_number": "phone"}
_USER_IDS: Final = frozenset({"user_id", "userid", "external_id", "externalid", "id"})
"""Identifiers that the visual mapper may choose, in lower case; RudderStack's Klaviyo
makes the user id of each, even of an address."""


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the event of a message.

    Raises:
        PoisonRecord: The value is not an event of RudderStack; `code` names the fault.
    """
    if record.value is None:
        raise PoisonRecord("no-value", "the record has no value")
    if not isinstance(record.value, dict):
        raise PoisonRecord("not-an-object", "the value is JSON but not an object")
    message = dict(record.value)
    kind = message.get("type")
    if isinstance(kind, str):  # RudderStack compares types in lower case
        message["type"] = kind = kind.lower()
    if kind == RECORD_TYPE:
        return _read_row(message, record, source)
    return [_read_event(message)]


def _read_event(message: dict[str, Any]) -> dict[str, Any]:
    context = _object_at(message, "context", code="bad-context")
    context_traits = _object_at(context, "traits", code="bad-context")
    if message.get("type") == "identify" and context_traits:
        traits = _object_at(message, "traits", code="bad-traits")
        message["traits"] = {**context_traits, **traits}
    if _is_mapped(context):
        return _with_external_id(message, context)
    return message


def _is_mapped(context: dict[str, Any]) -> bool:
    """Return True for an event of the visual mapper; some senders write text."""
    return context.get("mappedToDestination") in (True, "true")


def _with_external_id(
    message: dict[str, Any], context: dict[str, Any]
) -> dict[str, Any]:
    """Return an event of the visual mapper with the identity that the user chose.

    The ids beside it are of RudderStack's own making, and reach no destination.
    """
    name, value = _external_id(context)
    event = {k: v for k, v in message.items() if k not in ("userId", "anonymousId")}
    if name.lower() in _USER_IDS:
        return {**event, "userId": value}
    trait = _CONTACTS.get(name.lower(), name)
    if event.get("type") == "identify":
        traits = section(event, "traits")
        return {**event, "traits": {**traits, trait: value}}
    traits = {**section(context, "traits"), trait: value}
    return {**event, "context": {**context, "traits": traits}}


def _external_id(context: dict[str, Any]) -> tuple[str, Any]:
    """Return the name and the value of the identifier that the visual mapper chose."""
    candidates = context.get("externalId")
    for candidate in candidates if isinstance(candidates, list) else ():
        if not isinstance(candidate, dict):
            continue
        name, value = candidate.get("identifierType"), candidate.get("id")
        if name and isinstance(name, str) and _is_id(value):
            return name, value
    raise PoisonRecord(
        "bad-external-id",
        "context.externalId has no entry with identifierType and id; the visual "
        "mapper of RudderStack writes one",
    )


def _is_id(value: object) -> bool:
    is_scalar = isinstance(value, str | int) and not isinstance(value, bool)
    return is_scalar and value != ""


def _read_row(
    message: dict[str, Any], record: DecodedRecord, source: Source
) -> Bodies | SkippedRecord:
    """Read a row: the identifiers are columns too, and by default the key."""
    action = message.get("action")
    change = CHANGES.get(action.lower()) if isinstance(action, str) else None
    if change is None:
        raise PoisonRecord("bad-action", "action is not insert, update or delete")
    fields = _object_at(message, "fields", code="bad-fields")
    identifiers = _object_at(message, "identifiers", code="bad-identifiers")
    message_id = message.get("messageId")
    bodies = row_bodies(
        record,
        _with_identity(source, identifiers),
        change,
        typed_columns(record, source, {**identifiers, **fields}),
        position=[message_id] if _is_id(message_id) else offset_of(record),
        key_columns=_key_columns(message, identifiers),
    )
    if isinstance(bodies, SkippedRecord):
        return bodies
    times = {name: message[name] for name in TIME_FIELDS if message.get(name)}
    return [_without_time(body) | times if times else body for body in bodies]


def _without_time(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "timestamp"}


def _key_columns(
    message: dict[str, Any], identifiers: dict[str, Any]
) -> dict[str, Any]:
    """Return the identifiers, which stay the same in the next sync; else recordId."""
    if identifiers:
        return dict(sorted(identifiers.items()))
    if not _is_id(message.get("recordId")):
        raise PoisonRecord("no-row-key", "the row has no identifiers and no recordId")
    return {"recordId": message["recordId"]}


def _with_identity(source: Source, identifiers: dict[str, Any]) -> Source:
    """Return the source with columns of e-mail and user id from a row's identifiers."""
    for name in identifiers:
        if name.lower() == "email" and not source.email:
            source = replace(source, email=name)
        if name.lower() in _USER_IDS - {"id"} and not source.user_id:
            source = replace(source, user_id=name)
    return source


def _object_at(parent: dict[str, Any], name: str, *, code: str) -> dict[str, Any]:
    value = parent.get(name)
    if value is None or value == []:  # PHP's empty object
        return {}
    if not isinstance(value, dict):
        raise PoisonRecord(code, f"{name} is not an object")
    return value
