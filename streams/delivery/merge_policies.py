"""Merge policies: when two queued items of a user are merged."""

from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from streams.actions.intents import (
    PERSON_IDENTIFIERS,
    ConsentChange,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    identifying_attributes,
    is_patch,
    is_same_person,
    person_keys,
)
from streams.delivery.coalescer import MergeResult, QueuedItem

R = TypeVar("R")

MERGED_RECORDS_MAX = 1_000
"""Most records that one merged item stands for; our own limit."""


def keep_latest(older: QueuedItem[R], newer: QueuedItem[R]) -> MergeResult[R] | None:
    """Send only the newer change of a list, with the queue time of the older change.

    An older add that sets profile attributes or a new address is kept, unless the newer
    one sets the same: they would be lost.
    """
    if not _is_same_subject(older, newer):
        return None
    first, last = older.activation.intent, newer.activation.intent
    if isinstance(last, ListRemove):
        is_covered = isinstance(first, ListRemove) or not _changes_profile(first)
    else:
        is_covered = isinstance(first, ListRemove) or identifying_attributes(
            first
        ) == identifying_attributes(last)
    return (
        _supersede(older, _with_previous_emails(newer, first)) if is_covered else None
    )


def merge_profiles(older: QueuedItem[R], newer: QueuedItem[R]) -> MergeResult[R] | None:
    """Merge two profile updates; the newer value of an attribute wins.

    Both must have the same identifiers: an address that Klaviyo rejects must not fail
    the update of another person.
    """
    first, last = older.activation.intent, newer.activation.intent
    if not isinstance(first, ProfileUpsert) or not isinstance(last, ProfileUpsert):
        return None
    if not _is_same_subject(older, newer) or person_keys(first) != person_keys(last):
        return None
    if len(older.records) >= MERGED_RECORDS_MAX:
        return None
    dropped = tuple(dict.fromkeys((*first.dropped, *last.dropped)))
    merged_intent = msgspec.structs.replace(
        last,
        profile=_merge_attributes(first.profile, last.profile),
        dropped=dropped,
        previous_emails=_previous_emails(first, last),
    )
    activation = msgspec.structs.replace(newer.activation, intent=merged_intent)
    records = older.records + newer.records
    return QueuedItem.of(activation, records=records, queued_s=older.queued_s), []


def keep_latest_consent(
    older: QueuedItem[R], newer: QueuedItem[R]
) -> MergeResult[R] | None:
    """Send only the newer change of consent, if the older change is wholly covered."""
    first, last = older.activation.intent, newer.activation.intent
    if not isinstance(first, ConsentChange) or not isinstance(last, ConsentChange):
        return None
    is_covered = (
        _is_same_subject(older, newer)
        and first.list_id == last.list_id
        and first.profile.items() <= last.profile.items()
        and {*first.channels} <= {*last.channels}
        and all(token in last.push_tokens for token in first.push_tokens)
        and (last.everywhere or not first.everywhere)
    )
    return _supersede(older, newer) if is_covered else None


def never_merge(_older: QueuedItem[R], _newer: QueuedItem[R]) -> MergeResult[R] | None:
    """Keep both items: no two events and no two deletions are merged."""
    return None


def _is_same_subject(older: QueuedItem[R], newer: QueuedItem[R]) -> bool:
    """Return True if both items have the same person and the same batch limits.

    Patches are never merged. A user may be on a list with several profiles, one for
    each address, so two audience changes of a user may be about two profiles.
    """
    first, last = older.activation, newer.activation
    if (
        _is_profile_patch(first.intent)
        or _is_profile_patch(last.intent)
        or first.batch != last.batch
    ):
        return False
    return is_same_person(first.intent, last.intent)


def _is_profile_patch(intent: Intent) -> bool:
    return isinstance(intent, ProfileUpsert) and is_patch(intent)


def _with_previous_emails(newer: QueuedItem[R], first: Intent) -> QueuedItem[R]:
    """Keep the previous addresses of an update that is superseded."""
    last = newer.activation.intent
    if not isinstance(first, ListAdd | ProfileUpsert) or not isinstance(
        last, ListAdd | ProfileUpsert
    ):
        return newer
    previous_emails = _previous_emails(first, last)
    if previous_emails == last.previous_emails:
        return newer
    intent = msgspec.structs.replace(last, previous_emails=previous_emails)
    activation = msgspec.structs.replace(newer.activation, intent=intent)
    return replace(newer, activation=activation)


def _previous_emails(
    first: ListAdd | ProfileUpsert, last: ListAdd | ProfileUpsert
) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*last.previous_emails, *first.previous_emails)))


def _changes_profile(intent: Intent) -> bool:
    """Return True if an intent sets attributes beside identifiers, or a new address."""
    if not isinstance(intent, ListAdd | ProfileUpsert):
        return False
    has_attributes = not intent.profile.keys() <= {*PERSON_IDENTIFIERS}
    return has_attributes or bool(intent.previous_emails)


def _supersede(older: QueuedItem[R], newer: QueuedItem[R]) -> MergeResult[R]:
    return replace(newer, queued_s=older.queued_s), [older]


def _merge_attributes(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    nested = {
        name: older[name] | newer[name]
        for name in ("properties", "location")
        if isinstance(older.get(name), dict) and isinstance(newer.get(name), dict)
    }
    return older | newer | nested
