"""Dropping of stale attributes: a late event overwrites no newer attribute.

Events of a user arrive late and are replayed. The attributes that an event sets are
compared, one by one, with the last write on each, so that each attribute ends as the
last event by event time says.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from streams.actions.intents import EventRecord, ListAdd, ProfileUpsert
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.attribute_writes import names_written, record_attributes
from streams.state.last_write import LastWrite
from streams.state.user_row import UserRow

_FIXED: Final = frozenset({"id", "external_id", "anonymous_id", "_kx"})
"""Identifiers that never change."""

_CONTACTS: Final = frozenset({"email", "phone_number"})
"""Attributes of a profile with an external id; identifiers of any other profile."""

_NESTED: Final = ("properties", "location")

AttributeUpdate = ProfileUpsert | ListAdd | EventRecord
"""An intent that sets attributes."""


class FreshAttributes(NamedTuple):
    """Remainder of an intent that sets attributes.

    Attributes:
        intent: The intent without the attributes that a later event has set.
        row: The user's row after the event; the same object if nothing changed.
        fully_superseded: Whether later events have set everything it was to set.
    """

    intent: AttributeUpdate
    row: UserRow
    fully_superseded: bool


def drop_stale_attributes(
    intent: AttributeUpdate, row: UserRow, *, event: CanonicalEvent
) -> FreshAttributes:
    """Drop the attributes that a later event has set, and record the rest.

    A list add keeps its e-mail address and phone number unless it is replayed. The
    user's profile may still be on its way in another lane, and until it arrives Klaviyo
    knows the user only by these.

    Args:
        intent: An intent of the event.
        row: The user's row.
        event: The event.
    """
    names_set = frozenset(_attribute_names(intent.profile))
    names_added = frozenset[str]()
    stale_names = names_written(row, lambda rank: rank > event.rank)
    is_addition = False
    if isinstance(intent, ProfileUpsert):
        names_set |= _property_names(intent.unset)
        names_added = _property_names((*intent.append, *intent.unappend))
        if event.replay_mode is ReplayMode.CHANGES_ONLY:
            recorded_names = names_written(row, lambda rank: rank >= event.rank)
            intent = _drop_repeated_additions(intent, recorded_names)
        is_addition = bool(intent.append or intent.unappend)
    keeps_contacts = isinstance(intent, ListAdd) and not event.replay
    droppable = stale_names - _CONTACTS if keeps_contacts else stale_names
    if dropped_names := names_set & droppable:
        intent = _drop_names(intent, dropped_names)
    fully_superseded = (
        bool(names_set | names_added) and names_set <= stale_names and not is_addition
    )
    row = _record_write(row, intent, (names_set - stale_names) | names_added, event)
    return FreshAttributes(intent, row, fully_superseded)


def _property_names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"properties.{name}" for name in names)


def _drop_repeated_additions(
    intent: ProfileUpsert, recorded_names: frozenset[str]
) -> ProfileUpsert:
    """Drop additions to arrays that have been made before."""

    def not_recorded(additions: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in additions.items()
            if f"properties.{name}" not in recorded_names
        }

    return msgspec.structs.replace(
        intent,
        append=not_recorded(intent.append),
        unappend=not_recorded(intent.unappend),
    )


def _drop_names(intent: AttributeUpdate, names: frozenset[str]) -> AttributeUpdate:
    profile = dict(_without(intent.profile, names))
    if not isinstance(intent, ProfileUpsert):
        return msgspec.structs.replace(intent, profile=profile)
    unset = tuple(name for name in intent.unset if f"properties.{name}" not in names)
    return msgspec.structs.replace(intent, profile=profile, unset=unset)


def _record_write(
    row: UserRow,
    intent: AttributeUpdate,
    names: frozenset[str],
    event: CanonicalEvent,
) -> UserRow:
    if isinstance(intent, EventRecord) and names <= _CONTACTS:
        return row  # only names the person: the table is not written for each event
    write = LastWrite(inside=False, time_ms=event.time_ms, origin=event.origin)
    return record_attributes(row, names, write)


def _attribute_names(profile: Mapping[str, Any]) -> Iterator[str]:
    excluded = _FIXED if profile.get("external_id") else _FIXED | _CONTACTS
    for name, value in profile.items():
        if name in _NESTED and isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        elif name not in excluded:
            yield name


def _without(
    profile: Mapping[str, Any], names: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in profile.items():
        if name in _NESTED and isinstance(value, dict):
            remaining = {k: v for k, v in value.items() if f"{name}.{k}" not in names}
            if remaining:
                yield name, remaining
        elif name not in names:
            yield name, value
