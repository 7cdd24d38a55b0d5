"""Operation, list and person of any intent."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)

PERSON_IDENTIFIERS: Final = ("external_id", "email", "phone_number")
"""Identifiers that name one person for good, the most reliable first."""


class IntentKind(StrEnum):
    """Operation that an intent asks for."""

    UPSERT = "upsert"
    PATCH = "patch"
    ADD = "add"
    REMOVE = "remove"
    RECORD = "record"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    DELETE = "delete"


def intent_kind(intent: Intent) -> IntentKind:
    """Return the operation that an intent asks for."""
    match intent:
        case ProfileUpsert() if is_patch(intent):
            kind = IntentKind.PATCH
        case ProfileUpsert(list_id=""):
            kind = IntentKind.UPSERT
        case ProfileUpsert() | ListAdd():
            kind = IntentKind.ADD
        case ListRemove():
            kind = IntentKind.REMOVE
        case EventRecord():
            kind = IntentKind.RECORD
        case ConsentChange(consent=Consent.SUBSCRIBED):
            kind = IntentKind.SUBSCRIBE
        case ConsentChange():
            kind = IntentKind.UNSUBSCRIBE
        case Suppression(change=change):
            kind = IntentKind(change)
        case Deletion():
            kind = IntentKind.DELETE
    return kind


def is_patch(upsert: ProfileUpsert) -> bool:
    """Return True if an upsert removes properties or changes arrays."""
    return bool(upsert.unset or upsert.append or upsert.unappend)


def list_id_of(intent: Intent) -> str:
    """Return the id of the list that an intent is about; empty for no list."""
    match intent:
        case ProfileUpsert() | ListAdd() | ListRemove() | ConsentChange():
            return intent.list_id
        case _:
            return ""


def identifying_attributes(intent: Intent) -> Mapping[str, Any]:
    """Return the attributes that hold the identifiers of an intent's person."""
    match intent:
        case ListRemove() | Deletion():
            return intent.identifiers
        case Suppression():
            return {"email": intent.email}
        case _:
            return intent.profile


def person_keys(intent: Intent) -> tuple[str, ...]:
    """Return `name=value` for each identifier that names the person for good."""
    attributes = identifying_attributes(intent)
    return tuple(
        f"{name}={attributes[name]}"
        for name in PERSON_IDENTIFIERS
        if attributes.get(name)
    )


def is_same_person(first: Intent, second: Intent) -> bool:
    """Return True if two intents share an identifier, or neither has any.

    Several people use one device, so an anonymous id does not make two intents with
    other identifiers the same person.
    """
    first_keys, second_keys = person_keys(first), person_keys(second)
    if not first_keys and not second_keys:
        return identifying_attributes(first) == identifying_attributes(second)
    return not {*first_keys}.isdisjoint(second_keys)
