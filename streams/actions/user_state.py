"""State of a user while an event is applied: comparison with last writes."""

from typing import Final

from streams.actions.attributes import AttributeUpdate, drop_stale_attributes
from streams.actions.intents import Intent
from streams.actions.kinds import person_keys
from streams.audiences.audience_events import AudienceEvent
from streams.audiences.transition import TransitionReason, apply_event
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.last_write import LastWrite
from streams.state.user_row import CommandKey, Matter, UserRow

_APPLIED: Final = frozenset(
    {
        TransitionReason.ENTERED,
        TransitionReason.EXITED,
        TransitionReason.UNCHANGED,
    }
)
_RESENDING: Final = frozenset({ReplayMode.CHANGES_ONLY, ReplayMode.RESEND})


class UserState:
    """Row of a user, with the commands of an event applied.

    Args:
        row: The user's row; it is not changed.
        event: The event.
        mode: Purpose of the replay; None outside a replay.

    Attributes:
        reason: Effect of the last recorded command.
        fully_superseded: Whether later events have set all attributes of the last
            update.
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

    @property
    def row(self) -> UserRow:
        """Row after the event; the same object if the event changed no entry."""
        return self._row

    def record(self, key: CommandKey, *, entered: bool) -> bool:
        """Record a command, unless a later write has the same key.

        Returns:
            Whether the command is the last write. `reason` states the effect.
        """
        after, _, reason = apply_event(
            self._row.commands.get(key),
            AudienceEvent(audience=key.matter, entered=entered),
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            message_id=self._event.message_id,
            mode=self._mode,
        )
        if after is not None:
            self._row = self._row.with_commands({**self._row.commands, key: after})
        self.reason = reason
        return reason in _APPLIED

    def record_for_person(
        self, intent: Intent, matter: Matter, *, list_id: str = "", entered: bool
    ) -> bool:
        """Record a command for each identifier of the command's person.

        Returns:
            Whether the command is the last write by every identifier.
        """
        results = []
        for person_key in self._person_keys(intent):
            key = CommandKey(matter, list_id=list_id, subject=person_key)
            results.append((self.record(key, entered=entered), self.reason))
        reasons = (reason for is_new, reason in results if not is_new)
        self.reason = next(reasons, self.reason)
        return all(is_new for is_new, _ in results)

    def drop_stale_attributes(self, intent: AttributeUpdate) -> AttributeUpdate:
        """Drop the attributes that later events have set, and record the others."""
        fresh = drop_stale_attributes(intent, self._row, event=self._event)
        self._row, self.fully_superseded = fresh.row, fresh.fully_superseded
        return fresh.intent

    def revoked_after(self, key: CommandKey) -> bool:
        """Return True if the last write on a key is a later revocation."""
        last_write = self._row.commands.get(key)
        return (
            last_write is not None
            and not last_write.inside
            and self._event.rank < last_write.rank
        )

    def deleted_after(self, intent: Intent) -> bool:
        """Return True if the person was deleted after the event.

        An older event must not create a deleted profile again.
        """
        return any(
            self.revoked_after(CommandKey(Matter.DELETION, subject=person_key))
            for person_key in {"", *self._person_keys(intent)}
        )

    @property
    def has_activity_since(self) -> bool:
        """True if a replay repeats the deletion of a user with later activity."""
        is_repeated_deletion = self._mode in _RESENDING and any(
            key.matter is Matter.DELETION for key in self._before.commands
        )
        return is_repeated_deletion and any(
            last_write.rank > self._event.rank
            for last_write in self._before.last_writes()
        )

    def exit_all(self) -> None:
        """Record an exit from every audience and list entered before the event."""
        exits = {k: self._exit(w) for k, w in self._row.memberships.items()}
        if exits != self._row.memberships:
            self._row = self._row.with_memberships(exits)
        revocations = {k: self._exit(w) for k, w in self._row.commands.items()}
        if revocations != self._row.commands:
            self._row = self._row.with_commands(revocations)

    def _exit(self, write: LastWrite) -> LastWrite:
        """Return the exit that replaces an older write; any other write stays."""
        event = self._event
        if not write.inside or write.rank >= event.rank:
            return write
        return LastWrite(
            inside=False,
            time_ms=event.time_ms,
            origin=event.origin,
            list_id=write.list_id,
        )

    def _person_keys(self, intent: Intent) -> list[str]:
        """Return a key for each identifier of the person; the user's key is empty."""
        user = f"external_id={self._event.user}"
        keys = ["" if key == user else key for key in person_keys(intent)]
        return keys or [""]
