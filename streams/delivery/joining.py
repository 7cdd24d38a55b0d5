"""Two things that wait for one user → one, where one request does both."""

from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from streams.actions.intents import (
    ConsentChange,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.actions.kinds import (
    IDENTIFIERS,
    is_patch,
    named_by,
    person_of,
    same_person,
)
from streams.delivery.queue import Item, Joined

R = TypeVar("R")

RECEIPTS_MAX = 1_000
"""Ours: records that one item answers for."""


def last_word(older: Item[R], newer: Item[R]) -> Joined[R] | None:
    """Lists: the newer one alone is sent; it keeps its elder's place in time.

    What an older add says of the profile is not lost: what says something else waits
    behind it.
    """
    if not _alike(older, newer):
        return None
    first, last = older.activation.intent, newer.activation.intent
    if isinstance(last, ListRemove):
        told = isinstance(first, ListRemove) or not _tells(first)
    else:
        told = isinstance(first, ListRemove) or named_by(first) == named_by(last)
    return _instead(older, newer) if told else None


def merged(older: Item[R], newer: Item[R]) -> Joined[R] | None:
    """Profiles: one request that sets what either sets, the newer one winning.

    Only where both name the same: an address that Klaviyo refuses costs nobody else.
    """
    first, last = older.activation.intent, newer.activation.intent
    if not isinstance(first, ProfileUpsert) or not isinstance(last, ProfileUpsert):
        return None
    if not _alike(older, newer) or person_of(first) != person_of(last):
        return None
    if len(older.receipts) >= RECEIPTS_MAX:
        return None
    dropped = tuple(dict.fromkeys((*first.dropped, *last.dropped)))
    both = msgspec.structs.replace(
        last, profile=_merge(first.profile, last.profile), dropped=dropped
    )
    activation = msgspec.structs.replace(newer.activation, intent=both)
    receipts = older.receipts + newer.receipts
    return Item(activation=activation, receipts=receipts, since_s=older.since_s), []


def last_consent(older: Item[R], newer: Item[R]) -> Joined[R] | None:
    """Consent: the newer one alone, where it speaks of all that the older one does."""
    first, last = older.activation.intent, newer.activation.intent
    if not isinstance(first, ConsentChange) or not isinstance(last, ConsentChange):
        return None
    covered = (
        _alike(older, newer)
        and first.list_id == last.list_id
        and first.profile.items() <= last.profile.items()
        and {*first.channels} <= {*last.channels}
        and all(token in last.tokens for token in first.tokens)
        and (last.everywhere or not first.everywhere)
    )
    return _instead(older, newer) if covered else None


def apart(_older: Item[R], _newer: Item[R]) -> Joined[R] | None:
    """Events and deletions: each by itself."""
    return None


def _alike(older: Item[R], newer: Item[R]) -> bool:
    """Whether both are about one person, and batched alike; patches stay as they are.

    An audience is about the user, whatever identifiers its events hold.
    """
    first, last = older.activation, newer.activation
    if _patches(first.intent) or _patches(last.intent) or first.batch != last.batch:
        return False
    by_audience = bool(first.audience and last.audience)
    return by_audience or same_person(first.intent, last.intent)


def _patches(intent: Intent) -> bool:
    return isinstance(intent, ProfileUpsert) and is_patch(intent)


def _tells(intent: Intent) -> bool:
    """Whether it says more of a profile than who it is."""
    profile = intent.profile if isinstance(intent, ListAdd | ProfileUpsert) else {}
    return not profile.keys() <= {*IDENTIFIERS}


def _instead(older: Item[R], newer: Item[R]) -> Joined[R]:
    return replace(newer, since_s=older.since_s), [older]


def _merge(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    nested = {
        name: older[name] | newer[name]
        for name in ("properties", "location")
        if isinstance(older.get(name), dict) and isinstance(newer.get(name), dict)
    }
    return older | newer | nested
