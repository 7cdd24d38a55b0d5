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
from streams.audiences.membership import Membership
from streams.audiences.row import MARK, Memberships
from streams.events.model import CanonicalEvent, ReplayMode
from streams.events.origin import Origin

_PREFIX: Final = f"{MARK}set{MARK}"

WORDS_MAX: Final = 16
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


Setting = ProfileUpsert | ListAdd | EventRecord
"""What sets attributes."""


class Fresh(NamedTuple):
    """What is left of an intent that sets attributes.

    Attributes:
        intent: The same without what a later event has set.
        row: The user's row after it; the same object when nothing moved.
        is_late: Whether nothing is left of what it was to set.
    """

    intent: Setting
    row: Memberships
    is_late: bool


def fresh(intent: Setting, row: Memberships, *, event: CanonicalEvent) -> Fresh:
    """Leave out what a later event has set, and note what this one sets.

    A list add keeps its address unless it is replayed: the user's profile may be on its
    way in another lane, and until it is there Klaviyo knows them by nothing else.

    Args:
        intent: What an event asks for.
        row: The user's row.
        event: The event.
    """
    rank = (event.time_ms, event.origin)
    wanted = frozenset(_names(intent.profile))
    added = frozenset[str]()
    late = _set_since(row, lambda told: told > rank)
    if isinstance(intent, ProfileUpsert):
        wanted |= _of_properties(intent.unset)
        added = _of_properties((*intent.append, *intent.unappend))
        if event.replay and event.replay.mode is ReplayMode.CORRECT:
            intent = _not_added_twice(
                intent, _set_since(row, lambda told: told >= rank)
            )
    names_who = isinstance(intent, ListAdd) and not event.replay
    if gone := wanted & (late - _CONTACTS if names_who else late):
        intent = _pruned(intent, gone)
    adds = isinstance(intent, ProfileUpsert) and (intent.append or intent.unappend)
    nothing = bool(wanted | added) and wanted <= late and not adds
    return Fresh(intent, _heard(row, intent, (wanted - late) | added, event), nothing)


def _of_properties(names: Iterable[str]) -> frozenset[str]:
    return frozenset(f"properties.{name}" for name in names)


def _not_added_twice(intent: ProfileUpsert, told: frozenset[str]) -> ProfileUpsert:
    """What was added to an array once is not added again."""

    def news(added: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in added.items() if f"properties.{k}" not in told}

    return msgspec.structs.replace(
        intent, append=news(intent.append), unappend=news(intent.unappend)
    )


def _pruned(intent: Setting, late: frozenset[str]) -> Setting:
    profile = dict(_without(intent.profile, late))
    if not isinstance(intent, ProfileUpsert):
        return msgspec.structs.replace(intent, profile=profile)
    unset = tuple(name for name in intent.unset if f"properties.{name}" not in late)
    return msgspec.structs.replace(intent, profile=profile, unset=unset)


def _set_since(row: Memberships, since: Callable[[Rank], bool]) -> frozenset[str]:
    """Name the attributes that were set by a word of such a rank."""
    return frozenset(
        name for key, word in _words(row) if since(_rank(word)) for name in _named(key)
    )


def _heard(
    row: Memberships, intent: Setting, names: frozenset[str], event: CanonicalEvent
) -> Memberships:
    """Note that an event sets these; the same row where that says nothing new."""
    if isinstance(intent, EventRecord) and names <= _CONTACTS:
        return row  # whose it is: the table is not written for each event
    key = _key(names)
    word = Membership(inside=False, time_ms=event.time_ms, origin=event.origin)
    before = row.get(key)
    known = before is not None and _rank(before) >= _rank(word)
    if not names or known or len(key) > NAME_MAX_CHARS:
        return row
    outdone = {
        old
        for old, held in _words(row)
        if old != key and _rank(held) < _rank(word) and names.issuperset(_named(old))
    }
    return _trimmed({k: v for k, v in row.items() if k not in outdone} | {key: word})


def _trimmed(row: Memberships) -> Memberships:
    """Let the oldest words become one, as late as the later: nothing old comes back."""
    words = sorted(_words(row), key=lambda one: _rank(one[1]))
    if len(words) <= WORDS_MAX:
        return row
    while len(words) > WORDS_MAX:
        (one, _), (other, later) = words[:2]
        joined = _key({*_named(one), *_named(other)})
        kept = [(joined, later)] if len(joined) <= NAME_MAX_CHARS else []
        words = [*kept, *words[2 if kept else 1 :]]
    others = {k: v for k, v in row.items() if not k.startswith(_PREFIX)}
    return others | dict(words)


def _key(names: Iterable[str]) -> str:
    return _PREFIX + json.dumps(sorted(names), ensure_ascii=False)


def _words(row: Memberships) -> Iterator[tuple[str, Membership]]:
    return ((key, word) for key, word in row.items() if key.startswith(_PREFIX))


def _rank(word: Membership) -> Rank:
    return (word.time_ms, word.origin)


@lru_cache(maxsize=1_000)
def _named(key: str) -> tuple[str, ...]:
    return tuple(json.loads(key.removeprefix(_PREFIX)))


def _names(profile: Mapping[str, Any]) -> Iterator[str]:
    who = _FIXED if profile.get("external_id") else _FIXED | _CONTACTS
    for name, value in profile.items():
        if name in _NESTED and isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        elif name not in who:
            yield name


def _without(
    profile: Mapping[str, Any], late: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    for name, value in profile.items():
        if name in _NESTED and isinstance(value, dict):
            kept = {k: v for k, v in value.items() if f"{name}.{k}" not in late}
            if kept:
                yield name, kept
        elif name not in late:
            yield name, value
