"""The last word of commands: a late one, a repeat or a replay changes nothing.

An audience says who is in it, and only a change of that is worth a request. A mapping
gives commands: each new one is carried out, whatever the one before it was, since
people are taken off lists and unsubscribe in Klaviyo too. An older one never is.

The words are kept in the user's row, beside the memberships, under names that no
audience can have.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

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
from streams.actions.kinds import list_of
from streams.actions.words import Words
from streams.audiences.membership import Membership
from streams.audiences.row import MARK, Memberships
from streams.audiences.transition import Why
from streams.events.model import CanonicalEvent, ReplayMode

_SAID_ONCE: Final = (ConsentChange, Suppression, Deletion)
_ADDRESS: Final = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}


class Newest(NamedTuple):
    """What is left of a command.

    Attributes:
        intent: What is still to be done; None when nothing is.
        row: The user's row after it; the same object when nothing moved.
        why: Why nothing is to be done, when nothing is.
    """

    intent: Intent | None
    row: Memberships
    why: str = ""


def newest(
    intent: Intent,
    row: Memberships,
    *,
    event: CanonicalEvent,
    retells: bool = False,
) -> Newest:
    """Hold a command against the last words on the same matter.

    Args:
        intent: What an event asks for.
        row: The user's row.
        event: The event.
        retells: Whether a replay may say anything again. Else it says no consent, no
            suppression and no deletion again: people change theirs in Klaviyo too, and
            of an event another mapping's part may be all that failed.
    """
    mode = event.replay.mode if event.replay else None
    if mode is ReplayMode.AGAIN and not retells and isinstance(intent, _SAID_ONCE):
        mode = ReplayMode.CORRECT
    words = Words(row, event, mode)
    if not isinstance(intent, Deletion) and words.deleted_later(intent):
        return Newest(None, row, Why.STALE)
    match intent:
        case Deletion():
            found = _deletion(intent, words)
        case ConsentChange():
            found = _consent(intent, words)
        case Suppression():
            entered = intent.change == "suppress"
            found = _single(intent, "suppressed", words, entered=entered)
        case ListAdd():
            found = _added(intent, words)
        case ProfileUpsert() | EventRecord():
            found = _set(intent, words)
        case _:
            found = _on_list(intent, words)
    return found


def deleted_later(row: Memberships, event: CanonicalEvent) -> bool:
    """Whether the user was deleted after an event: nobody makes them anew.

    Args:
        row: The user's row.
        event: The event.
    """
    return Words(row, event).withdrawn_later("deleted", "")


def commanded_since(row: Memberships, list_id: str, word: Membership) -> bool:
    """Whether a command moved the user on or off a list after an audience's word.

    A consent on the list does too, and so does the withdrawal from all.

    Args:
        row: The user's row.
        list_id: Klaviyo's id of the list.
        word: The audience's.
    """
    everywhere = MARK.join(("", "consent", "", ""))
    whats = ("list", "consent") if list_id else ()
    about = tuple(MARK.join(("", what, list_id, "")) for what in whats)
    return any(
        (key.startswith(about) or (key.startswith(everywhere) and not last.inside))
        and (last.time_ms, last.origin) > (word.time_ms, word.origin)
        for key, last in row.items()
    )


def _on_list(intent: Intent, words: Words) -> Newest:
    entered = not isinstance(intent, ListRemove)
    list_id = list_of(intent)
    if not list_id or words.hear_about(intent, "list", list_id, entered=entered):
        return Newest(intent, words.row)
    if isinstance(intent, ProfileUpsert) and not words.nothing_left:
        return Newest(msgspec.structs.replace(intent, list_id=""), words.row)
    return Newest(None, words.row, words.why)


def _added(intent: ListAdd, words: Words) -> Newest:
    """Its attributes are heard only where they are sent."""
    found = _on_list(intent, words)
    if found.intent is None:
        return found
    return Newest(words.hear_attributes(intent), words.row)


def _set(intent: ProfileUpsert | EventRecord, words: Words) -> Newest:
    """What nothing is left of is late; an event has happened all the same."""
    left = words.hear_attributes(intent)
    if isinstance(left, ProfileUpsert) and left.list_id:
        return _on_list(left, words)
    is_late = isinstance(left, ProfileUpsert) and words.nothing_left
    return Newest(None if is_late else left, words.row, Why.STALE)


def _consent(change: ConsentChange, words: Words) -> Newest:
    hears = _subscribes if change.consent is Consent.SUBSCRIBED else _unsubscribes
    kept = tuple(
        channel
        for channel, address in _channels(change)
        if hears(words, channel, address, list_id=change.list_id)
    )
    if change.everywhere:
        for channel, address in _channels(change):
            words.hear("consent", "", channel, address, entered=False)
    if not kept:
        return Newest(None, words.row, words.why)
    if kept != change.channels:
        change = msgspec.structs.replace(change, channels=kept)
    return Newest(change, words.row)


def _channels(change: ConsentChange) -> Iterator[tuple[str, str]]:
    """Give each channel with the address that the consent is about."""
    for channel in change.channels:
        address = _ADDRESS.get(channel.partition(".")[0], "")
        yield channel, change.profile.get(address, "") or _devices(change)


def _devices(change: ConsentChange) -> str:
    """Name what push reaches, in few letters: a token has hundreds."""
    tokens = sorted(str(token.get("token")) for token in change.tokens)
    said = json.dumps([change.profile.get("anonymous_id"), tokens])
    return blake2b(said.encode(), digest_size=8).hexdigest()


def _subscribes(words: Words, channel: str, address: str, *, list_id: str) -> bool:
    """Hear a subscription, which ends a global withdrawal too."""
    if words.withdrawn_later("consent", "", channel, address):
        words.why = Why.STALE
        return False
    told = words.hear("consent", list_id, channel, address, entered=True)
    if list_id and told:
        words.hear("consent", "", channel, address, entered=True)
    return told


def _unsubscribes(words: Words, channel: str, address: str, *, list_id: str) -> bool:
    return words.hear("consent", list_id, channel, address, entered=False)


def _deletion(intent: Deletion, words: Words) -> Newest:
    """Who came back since is not deleted by a replay."""
    if words.is_outlived:
        return Newest(None, words.row, Why.STALE)
    found = _single(intent, "deleted", words, entered=False)
    if found.intent is not None:
        words.leave_all()
    return found._replace(row=words.row)


def _single(intent: Intent, what: str, words: Words, *, entered: bool) -> Newest:
    if words.hear_about(intent, what, entered=entered):
        return Newest(intent, words.row)
    return Newest(None, words.row, words.why)
