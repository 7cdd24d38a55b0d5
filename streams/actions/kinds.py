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

IDENTIFIERS: Final = ("external_id", "email", "phone_number")
"""What names one person for good, the most telling first."""


def kind_of(intent: Intent) -> str:
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
            gives = intent.consent is Consent.SUBSCRIBED
            kind = "subscribe" if gives else "unsubscribe"
        case Suppression():
            kind = intent.change
        case Deletion():
            kind = "delete"
    return kind


def is_patch(upsert: ProfileUpsert) -> bool:
    """Whether it asks for more than to set attributes."""
    return bool(upsert.unset or upsert.append or upsert.unappend)


def list_of(intent: Intent) -> str:
    """Give the list it is about; empty for none."""
    match intent:
        case ProfileUpsert() | ListAdd() | ListRemove() | ConsentChange():
            return intent.list_id
        case _:
            return ""


def named_by(intent: Intent) -> Mapping[str, Any]:
    """Give the attributes that hold the identifiers of whom it is about."""
    match intent:
        case ListRemove() | Deletion():
            return intent.identifiers
        case Suppression():
            return {"email": intent.email}
        case _:
            return intent.profile


def person_of(intent: Intent) -> tuple[str, ...]:
    """List `name=value` of each identifier that names one person for good."""
    given = named_by(intent)
    return tuple(f"{name}={given[name]}" for name in IDENTIFIERS if given.get(name))


def same_person(one: Intent, other: Intent) -> bool:
    """Whether both are about one person: an identifier is the same, or there is none.

    One device is used by several people: what they share is no identifier.
    """
    mine, theirs = person_of(one), person_of(other)
    if not mine and not theirs:
        return named_by(one) == named_by(other)
    return not {*mine}.isdisjoint(theirs)
