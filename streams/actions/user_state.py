"""A user's row while it hears one event: the last word on each matter."""

from typing import Final

from streams.actions.attributes import AttributeUpdate, drop_stale_attributes
from streams.actions.intents import Intent
from streams.actions.kinds import person_keys
from streams.audiences.audience_events import AudienceEvent
from streams.audiences.transition import TransitionReason, apply_event
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.last_write import LastWrite
from streams.state.user_row import RESERVED_PREFIX, UserRow

COMMANDS_MAX: Final = 128
"""Ours: commands remembered of a user; a device used by crowds fills no row."""

_APPLIED: Final = frozenset(
    {TransitionReason.ENTERED, TransitionReason.EXITED, TransitionReason.UNCHANGED}
)


class UserState:
    """A row that hears an event.

    Args:
        row: The user's row; it stays as it is.
        event: The event.
        mode: What a replay may say again; None where it is none.

    Attributes:
        reason: What the last word heard did.
        fully_superseded: Whether all that an intent was to set was set later.
    """

    def __init__(
        self, row: UserRow, event: CanonicalEvent, mode: ReplayMode | None = None
    ) -> None:
        self._before = row
        self._row = row
        self._event = event
        self._mode = mode
        self.reason = ""
        self.fully_superseded = False

    def record(self, *names: str, entered: bool) -> bool:
        """Whether a word is newer than the last one on its matter; it counts then."""
        key = RESERVED_PREFIX + RESERVED_PREFIX.join(names)
        after, _, reason = apply_event(
            self._row.get(key),
            AudienceEvent(audience=key, entered=entered),
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            message_id=self._event.message_id,
            mode=self._mode,
        )
        if after is not None:
            self.set_write(key, after)
        self.reason = reason
        return reason in _APPLIED

    def record_for_person(self, intent: Intent, *names: str, entered: bool) -> bool:
        """The same of a person, by each of their identifiers: all must agree."""
        results = [
            (self.record(*names, person_key, entered=entered), self.reason)
            for person_key in self._person_keys(intent)
        ]
        self.reason = next(
            (reason for is_new, reason in results if not is_new), self.reason
        )
        return all(is_new for is_new, _ in results)

    def drop_stale_attributes(self, intent: AttributeUpdate) -> AttributeUpdate:
        """Leave out the attributes that were set later."""
        fresh = drop_stale_attributes(intent, self._row, event=self._event)
        self._row, self.fully_superseded = fresh.row, fresh.fully_superseded
        return fresh.intent

    def revoked_after(self, *names: str) -> bool:
        """Whether the last word on a matter is a withdrawal, and newer."""
        last = self._row.get(RESERVED_PREFIX + RESERVED_PREFIX.join(names))
        event_rank = (self._event.time_ms, self._event.origin)
        return (
            last is not None
            and not last.inside
            and event_rank < (last.time_ms, last.origin)
        )

    def deleted_after(self, intent: Intent) -> bool:
        """Whether whom it is about was deleted after it: nobody makes them anew."""
        person_keys = {"", *self._person_keys(intent)}
        return any(
            self.revoked_after("deleted", person_key) for person_key in person_keys
        )

    def _person_keys(self, intent: Intent) -> list[str]:
        """Name whom it is about; the user is not named again."""
        user = f"external_id={self._event.user}"
        return [
            "" if person_key == user else person_key
            for person_key in person_keys(intent)
        ] or [""]

    def set_write(self, key: str, last_write: LastWrite) -> None:
        """Remember a word."""
        if self._row is self._before:
            self._row = dict(self._before)
        self._row[key] = last_write

    @property
    def row(self) -> UserRow:
        """The row now; the same object when nothing moved."""
        return (
            self._row
            if self._row is self._before
            else _forget_oldest_commands(self._row)
        )

    @property
    def has_activity_since(self) -> bool:
        """Whether a replay says a deletion again, and the user was heard of since."""
        event_rank = (self._event.time_ms, self._event.origin)
        is_repeated_deletion = self._mode in {
            ReplayMode.CHANGES_ONLY,
            ReplayMode.RESEND,
        } and any(
            key.startswith(f"{RESERVED_PREFIX}deleted{RESERVED_PREFIX}")
            for key in self._before
        )
        return is_repeated_deletion and any(
            (last_write.time_ms, last_write.origin) > event_rank
            for last_write in self._before.values()
        )

    def exit_all(self) -> None:
        """Let the user be out of every audience that said otherwise before."""
        event = self._event
        event_rank = (event.time_ms, event.origin)
        for key, last_write in self._row.items():
            if (
                last_write.inside
                and (last_write.time_ms, last_write.origin) < event_rank
            ):
                exit_write = LastWrite(
                    inside=False,
                    time_ms=event.time_ms,
                    origin=event.origin,
                    list_id=last_write.list_id,
                )
                self.set_write(key, exit_write)


def _forget_oldest_commands(row: UserRow) -> UserRow:
    """Forget the oldest commands when there are too many."""
    commands = [key for key in row if key.startswith(RESERVED_PREFIX)]
    if len(commands) <= COMMANDS_MAX:
        return row
    commands.sort(key=lambda key: (row[key].time_ms, row[key].origin))
    dropped = {*commands[:-COMMANDS_MAX]}
    return {key: last_write for key, last_write in row.items() if key not in dropped}
