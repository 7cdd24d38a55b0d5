"""Writes of an event on the user state: comparison of commands with last writes."""

from hashlib import blake2b
from typing import Final

from streams.actions.attributes import AttributeUpdate, drop_stale_attributes
from streams.actions.intents import Intent, person_keys
from streams.audiences.audience_events import (
    AudienceEvent,
    TransitionReason,
    apply_event,
)
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.entries import DELETED, ERASED, CommandKey, LastWrite, Matter
from streams.state.user_state import UserState

_APPLIED: Final = frozenset(
    {
        TransitionReason.ENTERED,
        TransitionReason.EXITED,
        TransitionReason.UNCHANGED,
    }
)
_RESENDING: Final = frozenset({ReplayMode.CHANGES_ONLY, ReplayMode.RESEND})


class EventWrites:
    """Writes of an event's commands on the state of the user.

    Args:
        state: The user's state; it is not changed.
        event: The event.
        mode: Purpose of the replay; None outside a replay.

    Attributes:
        state: State after the event; the same object if the event changed no entry.
        reason: Effect of the last recorded command.
        fully_superseded: Whether later events have set all attributes of the last
            update.
    """

    def __init__(
        self, state: UserState, event: CanonicalEvent, mode: ReplayMode | None = None
    ) -> None:
        self.state = state
        self.reason = ""
        self.fully_superseded = False
        self._before = state
        self._event = event
        self._mode = mode

    def record(self, key: CommandKey, *, entered: bool) -> bool:
        """Record a command, unless a later write has the same key.

        Returns:
            Whether the command is the last write. `reason` states the effect.
        """
        after, _, reason = apply_event(
            self.state.command(key),
            AudienceEvent(audience=key.matter, entered=entered),
            time_ms=self._event.time_ms,
            origin=self._event.origin,
            message_id=self._event.message_id,
            mode=self._mode,
        )
        if after is not None:
            self.state = self.state.with_command(key, after)
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
        for subject in self._subjects(intent):
            key = CommandKey(matter, list_id=list_id, subject=subject)
            results.append((self.record(key, entered=entered), self.reason))
        reasons = (reason for is_new, reason in results if not is_new)
        self.reason = next(reasons, self.reason)
        return all(is_new for is_new, _ in results)

    def drop_stale_attributes(self, intent: AttributeUpdate) -> AttributeUpdate:
        """Drop the attributes that later events have set, and record the others."""
        fresh = drop_stale_attributes(intent, self.state, event=self._event)
        self.state, self.fully_superseded = fresh.state, fresh.fully_superseded
        return fresh.intent

    def revoked_after(self, key: CommandKey) -> bool:
        """Return True if the last write on a key is a later revocation."""
        last_write = self.state.command(key)
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
            self.revoked_after(DELETED._replace(subject=subject))
            for subject in {"", *self._subjects(intent)}
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

    def erase(self) -> None:
        """Remove what the state knows of the user, and remember the deletion."""
        self.record(ERASED, entered=False)
        deletion = LastWrite(
            inside=False, time_ms=self._event.time_ms, origin=self._event.origin
        )
        self.state = self.state.without_entries_before(deletion)

    def _subjects(self, intent: Intent) -> list[str]:
        """Return a subject for each identifier of the person; empty for the user."""
        user = f"external_id={self._event.user}"
        keys = person_keys(intent)
        return ["" if key == user else fingerprint(key) for key in keys] or [""]


def fingerprint(text: str) -> str:
    """Return a short name for a person, address or device.

    The state keeps no address in its keys: a deletion must not leave one behind.
    """
    return blake2b(text.encode(), digest_size=12).hexdigest()
