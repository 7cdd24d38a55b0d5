"""The last word on each attribute of a profile: a late event undoes none.

Events of a user arrive late and are replayed. What one of them sets is held against the
words before it, attribute by attribute, so that each ends as the last event by event
time says. Events mostly set the same attributes together: a word is about all that one
event sets, and is kept in the user's row under their names.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from streams.actions.intents import EventRecord, ListAdd, ProfileUpsert
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.events.origin import Origin
from streams.state.last_write import LastWrite
from streams.state.user_row import RESERVED_PREFIX, UserRow

_PREFIX: Final = f"{RESERVED_PREFIX}set{RESERVED_PREFIX}"

ATTRIBUTE_SETS_MAX: Final = 16
"""Ours: different sets of attributes remembered of a user."""

NAME_MAX_CHARS: Final = 4_000
"""Ours: of a larger set the last to arrive counts. With `WORDS_MAX` it keeps a row far
below what its topic takes."""

_FIXED: Final = frozenset({"id", "external_id", "anonymous_id", "_kx"})
"""Who it is; never an attribute that changes."""

_CONTACTS: Final = frozenset({"email", "phone_number"})
"""Attributes where an external id says who it is, and else who it is."""

_NESTED: Final = ("properties", "location")

Rank = tuple[int, Origin]


AttributeUpdate = ProfileUpsert | ListAdd | EventRecord
"""What sets attributes."""


class FreshAttributes(NamedTuple):
    """What is left of an intent that sets attributes.

    Attributes:
        intent: The same without what a later event has set.
        row: The user's row after it; the same object when nothing moved.
        fully_superseded: Whether nothing is left of what it was to set.
    """

    intent: AttributeUpdate
    row: UserRow
    fully_superseded: bool


def drop_stale_attributes(
    intent: AttributeUpdate, row: UserRow, *, event: CanonicalEvent
) -> FreshAttributes:
    """Leave out what a later event has set, and note what this one sets.

    A list add keeps its address unless it is replayed: the user's profile may be on its
    way in another lane, and until it is there Klaviyo knows them by nothing else.

    Args:
        intent: What an event asks for.
        row: The user's row.
        event: The event.
    """
    rank = (event.time_ms, event.origin)
    names_set = frozenset(_attribute_names(intent.profile))
    names_added = frozenset[str]()
    stale_names = _names_written(row, lambda told: told > rank)
    if isinstance(intent, ProfileUpsert):
        names_set |= _of_properties(intent.unset)
        names_added = _of_properties((*intent.append, *intent.unappend))
        if event.replay and event.replay.mode is ReplayMode.CHANGES_ONLY:
            intent = _drop_repeated_additions(
                intent, _names_written(row, lambda told: told >= rank)
            )
    keeps_contacts = isinstance(intent, ListAdd) and not event.replay
    if dropped_names := names_set & (
        stale_names - _CONTACTS if keeps_contacts else stale_names
    ):
        intent = _drop_names(intent, dropped_names)
    adds = isinstance(intent, ProfileUpsert) and (intent.append or intent.unappend)
    fully_superseded = (
        bool(names_set | names_added) and names_set <= stale_names and not adds
    )
    return FreshAttributes(
        intent,
        _record_write(row, intent, (names_set - stale_names) | names_added, event),
        fully_superseded,
    )


def _of_properties(names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"properties.{name}" for name in names)


def _drop_repeated_additions(
    intent: ProfileUpsert, recorded_names: frozenset[str]
) -> ProfileUpsert:
    """What was added to an array once is not added again."""

    def not_recorded(added: dict[str, Any]) -> dict[str, Any]:
        return {
            k: v for k, v in added.items() if f"properties.{k}" not in recorded_names
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


def _names_written(row: UserRow, matches: Callable[[Rank], bool]) -> frozenset[str]:
    """Name the attributes that were set by a word of such a rank."""
    return frozenset(
        name
        for key, last_write in _attribute_writes(row)
        if matches(_rank(last_write))
        for name in _names_in_key(key)
    )


def _record_write(
    row: UserRow, intent: AttributeUpdate, names: frozenset[str], event: CanonicalEvent
) -> UserRow:
    """Note that an event sets these; the same row where that says nothing new."""
    if isinstance(intent, EventRecord) and names <= _CONTACTS:
        return row  # whose it is: the table is not written for each event
    key = _key(names)
    last_write = LastWrite(inside=False, time_ms=event.time_ms, origin=event.origin)
    before = row.get(key)
    is_recorded = before is not None and _rank(before) >= _rank(last_write)
    if not names or is_recorded or len(key) > NAME_MAX_CHARS:
        return row
    superseded_keys = {
        old
        for old, older_write in _attribute_writes(row)
        if old != key
        and _rank(older_write) < _rank(last_write)
        and names.issuperset(_names_in_key(old))
    }
    return _merge_oldest_writes(
        {k: v for k, v in row.items() if k not in superseded_keys} | {key: last_write}
    )


def _merge_oldest_writes(row: UserRow) -> UserRow:
    """Let the oldest words become one, as late as the later: nothing old comes back."""
    writes = sorted(_attribute_writes(row), key=lambda one: _rank(one[1]))
    if len(writes) <= ATTRIBUTE_SETS_MAX:
        return row
    while len(writes) > ATTRIBUTE_SETS_MAX:
        (one, _), (other, later) = writes[:2]
        joined = _key({*_names_in_key(one), *_names_in_key(other)})
        kept = [(joined, later)] if len(joined) <= NAME_MAX_CHARS else []
        writes = [*kept, *writes[2 if kept else 1 :]]
    others = {k: v for k, v in row.items() if not k.startswith(_PREFIX)}
    return others | dict(writes)


def _key(names: Iterable[str]) -> str:
    return _PREFIX + json.dumps(sorted(names), ensure_ascii=False)


def _attribute_writes(row: UserRow) -> Iterator[tuple[str, LastWrite]]:
    return (
        (key, last_write) for key, last_write in row.items() if key.startswith(_PREFIX)
    )


def _rank(last_write: LastWrite) -> Rank:
    return (last_write.time_ms, last_write.origin)


@lru_cache(maxsize=1_000)
def _names_in_key(key: str) -> tuple[str, ...]:
    return tuple(json.loads(key.removeprefix(_PREFIX)))


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
