"""Intents by what does them, by whom they are about, and by their list."""

from collections.abc import Mapping
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
"""What names one person for good, the most telling first."""


def intent_kind(intent: Intent) -> str:
    """Name the operation that does it."""
    match intent:
        case ProfileUpsert() if is_patch(intent):
            kind = "patch"
        case ProfileUpsert() | ListAdd():
            kind = "add" if isinstance(intent, ListAdd) or intent.list_id else "upsert"
        case ListRemove():
            kind = "remove"
        case EventRecord():
            kind = "record"
        case ConsentChange():
            is_subscribe = intent.consent is Consent.SUBSCRIBED
            kind = "subscribe" if is_subscribe else "unsubscribe"
        case Suppression():
            kind = intent.change
        case Deletion():
            kind = "delete"
    return kind


def is_patch(upsert: ProfileUpsert) -> bool:
    """Whether it asks for more than to set attributes."""
    return bool(upsert.unset or upsert.append or upsert.unappend)


def list_id_of(intent: Intent) -> str:
    """Give the list it is about; empty for none."""
    match intent:
        case ProfileUpsert() | ListAdd() | ListRemove() | ConsentChange():
            return intent.list_id
        case _:
            return ""


def identifying_attributes(intent: Intent) -> Mapping[str, Any]:
    """Give the attributes that hold the identifiers of whom it is about."""
    match intent:
        case ListRemove() | Deletion():
            return intent.identifiers
        case Suppression():
            return {"email": intent.email}
        case _:
            return intent.profile


def person_keys(intent: Intent) -> tuple[str, ...]:
    """List `name=value` of each identifier that names one person for good."""
    attributes = identifying_attributes(intent)
    return tuple(
        f"{name}={attributes[name]}"
        for name in PERSON_IDENTIFIERS
        if attributes.get(name)
    )


def is_same_person(first: Intent, second: Intent) -> bool:
    """Whether both are about one person: an identifier is the same, or there is none.

    One device is used by several people: what they share is no identifier.
    """
    first_keys, second_keys = person_keys(first), person_keys(second)
    if not first_keys and not second_keys:
        return identifying_attributes(first) == identifying_attributes(second)
    return not {*first_keys}.isdisjoint(second_keys)
