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

from streams.actions.attributes import Setting, fresh
from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.actions.kinds import list_of, person_of
from streams.audiences.membership import Membership
from streams.audiences.reading import AudienceMove
from streams.audiences.row import MARK, Memberships
from streams.audiences.transition import Why, cross
from streams.events.model import CanonicalEvent

COMMANDS_MAX: Final = 128
"""Ours: commands remembered of a user; a device used by crowds fills no row."""

_TOLD: Final = frozenset({Why.ENTERED, Why.EXITED, Why.UNCHANGED})
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


def newest(intent: Intent, row: Memberships, *, event: CanonicalEvent) -> Newest:
    """Hold a command against the last words on the same matter.

    Args:
        intent: What an event asks for.
        row: The user's row.
        event: The event.
    """
    words = _Words(row, event)
    if isinstance(intent, Deletion):
        return _deletion(intent, words)
    if words.deleted_later(intent):
        return Newest(None, row, Why.STALE)
    if isinstance(intent, Setting):
        intent = words.hear_attributes(intent)
    match intent:
        case ConsentChange():
            return _consent(intent, words)
        case ListAdd() | ListRemove() | ProfileUpsert() if list_of(intent):
            return _on_list(intent, words)
        case Suppression():
            entered = intent.change == "suppress"
            return _single(intent, "suppressed", words, entered=entered)
        case _:
            is_late = isinstance(intent, ProfileUpsert) and words.nothing_left
            return Newest(None if is_late else intent, words.row, Why.STALE)


def deleted_later(row: Memberships, event: CanonicalEvent) -> bool:
    """Whether the user was deleted after an event: nobody makes them anew.

    Args:
        row: The user's row.
        event: The event.
    """
    return _Words(row, event).withdrawn_later("deleted", "")


def commanded_since(row: Memberships, list_id: str, word: Membership) -> bool:
    """Whether a command moved the user on or off a list after an audience's word.

    Args:
        row: The user's row.
        list_id: Klaviyo's id of the list.
        word: The audience's.
    """
    about = MARK.join(("", "list", list_id, ""))
    return any(
        key.startswith(about)
        and (last.time_ms, last.origin) > (word.time_ms, word.origin)
        for key, last in row.items()
    )


class _Words:
    """A row that hears an event."""

    def __init__(self, row: Memberships, event: CanonicalEvent) -> None:
        self._before = row
        self._row = row
        self._event = event
        self.why = ""
        self.nothing_left = False

    def hear(self, *names: str, entered: bool) -> bool:
        """Whether a word is newer than the last one on its matter; it counts then."""
        key = MARK + MARK.join(names)
        after, _, why = cross(
            self._row.get(key),
            AudienceMove(audience=key, entered=entered),
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            message_id=self._event.message_id,
            mode=self._event.replay.mode if self._event.replay else None,
        )
        if after is not None:
            self.put(key, after)
        self.why = why
        return why in _TOLD

    def hear_about(self, intent: Intent, *names: str, entered: bool) -> bool:
        """The same of a person, by each of their identifiers: all must agree."""
        told = [
            (self.hear(*names, one, entered=entered), self.why)
            for one in self._people(intent)
        ]
        self.why = next((why for is_new, why in told if not is_new), self.why)
        return all(is_new for is_new, _ in told)

    def hear_attributes(self, intent: Setting) -> Setting:
        """Leave out the attributes that were set later."""
        found = fresh(intent, self._row, event=self._event)
        self._row, self.nothing_left = found.row, found.is_late
        return found.intent

    def withdrawn_later(self, *names: str) -> bool:
        """Whether the last word on a matter is a withdrawal, and newer."""
        last = self._row.get(MARK + MARK.join(names))
        now = (self._event.time_ms, self._event.origin)
        return (
            last is not None and not last.inside and now < (last.time_ms, last.origin)
        )

    def deleted_later(self, intent: Intent) -> bool:
        """Whether whom it is about was deleted after it: nobody makes them anew."""
        people = {"", *self._people(intent)}
        return any(self.withdrawn_later("deleted", one) for one in people)

    def _people(self, intent: Intent) -> list[str]:
        """Name whom it is about; the user is not named again."""
        user = f"external_id={self._event.user}"
        return ["" if one == user else one for one in person_of(intent)] or [""]

    def put(self, key: str, word: Membership) -> None:
        """Remember a word."""
        if self._row is self._before:
            self._row = dict(self._before)
        self._row[key] = word

    @property
    def row(self) -> Memberships:
        """The row now; the same object when nothing moved."""
        return self._row if self._row is self._before else _trimmed(self._row)

    def leave_all(self) -> None:
        """Let the user be out of every audience that said otherwise before."""
        event = self._event
        now = (event.time_ms, event.origin)
        for key, word in self._row.items():
            if word.inside and (word.time_ms, word.origin) < now:
                gone = Membership(
                    inside=False,
                    time_ms=event.time_ms,
                    origin=event.origin,
                    list_id=word.list_id,
                )
                self.put(key, gone)


def _on_list(intent: ListAdd | ListRemove | ProfileUpsert, words: _Words) -> Newest:
    entered = not isinstance(intent, ListRemove)
    if words.hear_about(intent, "list", list_of(intent), entered=entered):
        return Newest(intent, words.row)
    if isinstance(intent, ProfileUpsert) and not words.nothing_left:
        return Newest(msgspec.structs.replace(intent, list_id=""), words.row)
    return Newest(None, words.row, words.why)


def _consent(change: ConsentChange, words: _Words) -> Newest:
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


def _subscribes(words: _Words, channel: str, address: str, *, list_id: str) -> bool:
    """Hear a subscription, which ends a global withdrawal too."""
    if words.withdrawn_later("consent", "", channel, address):
        words.why = Why.STALE
        return False
    told = words.hear("consent", list_id, channel, address, entered=True)
    if list_id and told:
        words.hear("consent", "", channel, address, entered=True)
    return told


def _unsubscribes(words: _Words, channel: str, address: str, *, list_id: str) -> bool:
    return words.hear("consent", list_id, channel, address, entered=False)


def _deletion(intent: Deletion, words: _Words) -> Newest:
    found = _single(intent, "deleted", words, entered=False)
    if found.intent is not None:
        words.leave_all()
    return found._replace(row=words.row)


def _single(intent: Intent, what: str, words: _Words, *, entered: bool) -> Newest:
    if words.hear_about(intent, what, entered=entered):
        return Newest(intent, words.row)
    return Newest(None, words.row, words.why)


def _trimmed(row: Memberships) -> Memberships:
    """Forget the oldest commands when there are too many."""
    commands = [key for key in row if key.startswith(MARK)]
    if len(commands) <= COMMANDS_MAX:
        return row
    commands.sort(key=lambda key: (row[key].time_ms, row[key].origin))
    dropped = {*commands[:-COMMANDS_MAX]}
    return {key: word for key, word in row.items() if key not in dropped}
