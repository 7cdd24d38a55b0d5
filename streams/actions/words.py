"""A user's row while it hears one event: the last word on each matter."""

from typing import Final

from streams.actions.attributes import Setting, fresh
from streams.actions.intents import Intent
from streams.actions.kinds import person_of
from streams.audiences.membership import Membership
from streams.audiences.reading import AudienceMove
from streams.audiences.row import MARK, Memberships
from streams.audiences.transition import Why, cross
from streams.events.model import CanonicalEvent, ReplayMode

COMMANDS_MAX: Final = 128
"""Ours: commands remembered of a user; a device used by crowds fills no row."""

_TOLD: Final = frozenset({Why.ENTERED, Why.EXITED, Why.UNCHANGED})


class Words:
    """A row that hears an event.

    Args:
        row: The user's row; it stays as it is.
        event: The event.
        mode: What a replay may say again; None where it is none.

    Attributes:
        why: What the last word heard did.
        nothing_left: Whether all that an intent was to set was set later.
    """

    def __init__(
        self, row: Memberships, event: CanonicalEvent, mode: ReplayMode | None = None
    ) -> None:
        self._before = row
        self._row = row
        self._event = event
        self._mode = mode
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
            mode=self._mode,
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

    @property
    def is_outlived(self) -> bool:
        """Whether a replay says a deletion again, and the user was heard of since."""
        now = (self._event.time_ms, self._event.origin)
        again = self._mode in {ReplayMode.CORRECT, ReplayMode.AGAIN} and any(
            key.startswith(f"{MARK}deleted{MARK}") for key in self._before
        )
        return again and any(
            (word.time_ms, word.origin) > now for word in self._before.values()
        )

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


def _trimmed(row: Memberships) -> Memberships:
    """Forget the oldest commands when there are too many."""
    commands = [key for key in row if key.startswith(MARK)]
    if len(commands) <= COMMANDS_MAX:
        return row
    commands.sort(key=lambda key: (row[key].time_ms, row[key].origin))
    dropped = {*commands[:-COMMANDS_MAX]}
    return {key: word for key, word in row.items() if key not in dropped}
