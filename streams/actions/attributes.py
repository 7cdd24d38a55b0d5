"""Dropping of stale attributes: a late event overwrites no newer attribute.

Events of a user arrive late and are replayed. The attributes that an event sets are
compared, one by one, with the last write on each, so that each attribute ends as the
last event by event time says.

Events mostly set the same attributes together, so a last write is about all the
attributes that one event sets, and is stored under their names.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from streams.actions.intents import EventRecord, ListAdd, ProfileUpsert
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.entries import AttributeNames, LastWrite
from streams.state.user_state import UserState

_FIXED: Final = frozenset({"id", "external_id", "anonymous_id", "_kx"})
"""Identifiers that never change."""

_CONTACTS: Final = frozenset({"email", "phone_number"})
"""Attributes of a profile with an external id; identifiers of any other profile."""

_IDENTIFIERS: Final = _FIXED | _CONTACTS
"""Identifiers of a profile without an external id."""

_NO_NAMES: Final[frozenset[str]] = frozenset()
_NESTED: Final = ("properties", "location")

ATTRIBUTE_SETS_MAX: Final = 16
"""Ours: different sets of attributes remembered for a user."""

NAMES_MAX_CHARS: Final = 4_000
"""Ours: of a larger set the last to arrive counts. With `ATTRIBUTE_SETS_MAX` the limit
keeps a row far below the size that its topic accepts."""

AttributeUpdate = ProfileUpsert | ListAdd | EventRecord
"""An intent that sets attributes."""


class FreshAttributes(NamedTuple):
    """Remainder of an intent that sets attributes.

    Attributes:
        intent: The intent without the attributes that a later event has set.
        state: The user's state after the event; the same object if nothing changed.
        fully_superseded: Whether later events have set everything it was to set.
    """

    intent: AttributeUpdate
    state: UserState
    fully_superseded: bool


def drop_stale_attributes(
    intent: AttributeUpdate, state: UserState, *, event: CanonicalEvent
) -> FreshAttributes:
    """Drop the attributes that a later event has set, and record the rest.

    A list add keeps its e-mail address and phone number unless it is replayed. The
    user's profile may still be on its way in another lane, and until it arrives Klaviyo
    knows the user only by these.

    Args:
        intent: An intent of the event.
        state: The user's state.
        event: The event.
    """
    names_set = _attribute_names(intent.profile)
    names_added: frozenset[str] = _NO_NAMES
    if isinstance(intent, ProfileUpsert) and (intent.unset or _is_addition(intent)):
        names_set |= _property_names(intent.unset)
        names_added = _property_names((*intent.append, *intent.unappend))
    written = state.attributes
    if not written:  # nothing is stale
        state = record_attributes(state, intent, names_set | names_added, event)
        return FreshAttributes(intent, state, fully_superseded=False)
    rank = event.rank
    stale_names = _names_where(written, lambda write: write.rank > rank)
    is_repeated = event.replay_mode is ReplayMode.CHANGES_ONLY
    if is_repeated and isinstance(intent, ProfileUpsert):
        recorded_names = _names_where(written, lambda write: write.rank >= rank)
        intent = _drop_repeated_additions(intent, recorded_names)
    keeps_contacts = isinstance(intent, ListAdd) and not event.replay
    droppable = stale_names - _CONTACTS if keeps_contacts else stale_names
    if dropped_names := names_set & droppable:
        intent = _drop_names(intent, dropped_names)
    fully_superseded = (
        bool(names_set | names_added)
        and names_set <= stale_names
        and not (isinstance(intent, ProfileUpsert) and _is_addition(intent))
    )
    recorded = (names_set - stale_names) | names_added
    state = record_attributes(state, intent, recorded, event)
    return FreshAttributes(intent, state, fully_superseded)


def _names_where(
    written: Mapping[AttributeNames, LastWrite], matches: Callable[[LastWrite], bool]
) -> frozenset[str]:
    """Return the attributes with a last write that matches."""
    return frozenset(
        name for names, write in written.items() if matches(write) for name in names
    )


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


def _is_addition(intent: ProfileUpsert) -> bool:
    return bool(intent.append or intent.unappend)


def _attribute_names(profile: Mapping[str, Any]) -> frozenset[str]:
    names = profile.keys() - (_FIXED if profile.get("external_id") else _IDENTIFIERS)
    for nested in _NESTED:
        value = profile.get(nested)
        if isinstance(value, dict):
            names.remove(nested)
            names |= {f"{nested}.{inner}" for inner in value}
    return frozenset(names)


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


def record_attributes(
    state: UserState,
    intent: AttributeUpdate,
    names: frozenset[str],
    event: CanonicalEvent,
) -> UserState:
    """Record that an event sets some attributes.

    Returns:
        The new state; the same object if the write is not news, sets nothing, or has
        too many names to remember.
    """
    if not names or (isinstance(intent, EventRecord) and names <= _CONTACTS):
        return state  # only names the person: the table is not written for each event
    write = LastWrite(inside=False, time_ms=event.time_ms, origin=event.origin)
    key = tuple(sorted(names))
    stored = state.attributes
    before = stored.get(key)
    is_recorded = before is not None and before.rank >= write.rank
    if is_recorded or sum(map(len, key)) > NAMES_MAX_CHARS:
        return state
    if stored.keys() <= {key}:
        return state.with_attributes({key: write})
    superseded = {
        old_key
        for old_key, old_write in stored.items()
        if old_key != key and old_write.rank < write.rank and {*key}.issuperset(old_key)
    }
    kept = {k: old for k, old in stored.items() if k not in superseded}
    remaining = _merge_oldest({**kept, key: write})
    changes: dict[AttributeNames, LastWrite | None] = {
        names: new for names, new in remaining.items() if stored.get(names) != new
    }
    return state.with_attributes(changes | dict.fromkeys(stored.keys() - remaining))


def _merge_oldest(
    writes: dict[AttributeNames, LastWrite],
) -> dict[AttributeNames, LastWrite]:
    """Merge the oldest sets until few enough remain.

    A merged set takes the later of the two writes, so no older attribute comes back.
    """
    if len(writes) <= ATTRIBUTE_SETS_MAX:
        return writes
    oldest_first = sorted(writes.items(), key=lambda item: item[1].rank)
    while len(oldest_first) > ATTRIBUTE_SETS_MAX:
        (first, _), (second, later), *newer = oldest_first
        merged = tuple(sorted({*first, *second}))
        if sum(map(len, merged)) <= NAMES_MAX_CHARS:
            oldest_first = [(merged, later), *newer]
        else:
            oldest_first = oldest_first[1:]
    return dict(oldest_first)
