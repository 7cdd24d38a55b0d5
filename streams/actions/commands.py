"""Comparison of commands with last writes: a late or repeated command has no effect.

An audience states who is in it, and only a change of that is worth a request. A mapping
gives commands: each new command is executed, whatever the previous command was, because
people are removed from lists and unsubscribe in Klaviyo too. An older command is never
executed.

The last writes are kept in the user's state, beside the memberships.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from streams.actions.attributes import AttributeUpdate, drop_stale_attributes
from streams.actions.intents import (
    ADDRESS_FIELDS,
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    IdChange,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
    list_id_of,
    person_keys,
)
from streams.audiences.audience_events import (
    AudienceEvent,
    TransitionReason,
    apply_event,
)
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.entries import (
    DELETED,
    ERASED,
    CommandKey,
    LastWrite,
    Matter,
    is_deletion,
)
from streams.state.user_entries import UserEntries
from streams.state.user_state import UserState

_NEVER_RESENT: Final = (ConsentChange, Suppression, Deletion)
_APPLIED: Final = frozenset(
    {
        TransitionReason.ENTERED,
        TransitionReason.EXITED,
        TransitionReason.UNCHANGED,
    }
)
_RESENDING: Final = frozenset({ReplayMode.CHANGES_ONLY, ReplayMode.RESEND})


class CommandResult(NamedTuple):
    """Remainder of a command after the comparison.

    Attributes:
        intent: The intent that is still to be executed; None if there is none.
        state: The user's state after the event; the same object if nothing changed.
        reason: Reason for executing nothing.
    """

    intent: Intent | None
    state: UserState
    reason: str = ""


def apply_command(
    intent: Intent,
    state: UserState,
    *,
    event: CanonicalEvent,
    allow_repeat: bool = False,
) -> CommandResult:
    """Compare a command with the last writes on the matter, and record the command.

    Args:
        intent: An intent of the event.
        state: The user's state.
        event: The event.
        allow_repeat: Whether a replay may repeat any command. Otherwise a replay
            repeats no consent, no suppression and no deletion: people change theirs in
            Klaviyo too, and perhaps only another mapping of the event has failed.
    """
    mode = event.replay_mode
    if mode is ReplayMode.RESEND and not allow_repeat:
        mode = ReplayMode.CHANGES_ONLY if isinstance(intent, _NEVER_RESENT) else mode
    writes = _EventWrites(state, event, mode)
    if not isinstance(intent, Deletion) and writes.deleted_after(intent):
        return CommandResult(None, state, TransitionReason.STALE)
    match intent:
        case Deletion():
            result = _apply_deletion(intent, writes)
        case ConsentChange():
            result = _apply_consent(intent, writes)
        case Suppression():
            entered = intent.change == "suppress"
            result = _apply_single(intent, Matter.SUPPRESSION, writes, entered=entered)
        case ListAdd():
            result = _apply_list_add(intent, writes)
        case ProfileUpsert() | EventRecord():
            result = _apply_attributes(intent, writes)
        case ListRemove():
            result = _apply_to_list(intent, writes)
        case IdChange():  # has no effect if it is repeated
            result = CommandResult(intent, writes.state)
    return result


def has_command_since(
    entries: UserEntries, list_id: str, last_write: LastWrite
) -> bool:
    """Return True if a command moved the user on or off a list after an audience did.

    A consent on the list counts, and so does a withdrawal from the whole account.

    Args:
        entries: The user's entries.
        list_id: Klaviyo's id of the list; empty if the audience has no list yet.
        last_write: The last write on the membership.
    """
    return any(
        write.rank > last_write.rank and _moves_user(key, write, list_id=list_id)
        for key, write in entries.commands.items()
    )


def _moves_user(key: CommandKey, write: LastWrite, *, list_id: str) -> bool:
    if key.matter is Matter.CONSENT and not key.list_id and not write.inside:
        return True
    is_about_lists = key.matter in {Matter.LIST, Matter.CONSENT}
    return bool(list_id) and is_about_lists and key.list_id == list_id


class _EventWrites:
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
        return _has_deletions(self.state) and any(
            self.revoked_after(DELETED._replace(subject=subject))
            for subject in {"", *self._subjects(intent)}
        )

    @property
    def has_activity_since(self) -> bool:
        """True if a replay repeats the deletion of a user with later activity."""
        is_repeated_deletion = self._mode in _RESENDING and _has_deletions(self._before)
        return is_repeated_deletion and any(
            last_write.rank > self._event.rank
            for last_write in _last_writes(self._before)
        )

    def erase(self) -> None:
        """Remove the user's entries from the state, and remember the deletion."""
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


def _has_deletions(state: UserState) -> bool:
    """Return True if the user, or a person behind the key, was ever deleted."""
    if state.stored.profile.deletions:
        return True
    return bool(state.command_changes) and any(map(is_deletion, state.command_changes))


def _last_writes(state: UserState) -> Iterator[LastWrite]:
    """Yield the last write of every entry."""
    yield from state.memberships.values()
    yield from state.commands.values()
    yield from state.attributes.values()


def _apply_to_list(
    intent: ProfileUpsert | ListAdd | ListRemove, writes: _EventWrites
) -> CommandResult:
    entered = not isinstance(intent, ListRemove)
    list_id = list_id_of(intent)
    if not list_id or writes.record_for_person(
        intent, Matter.LIST, list_id=list_id, entered=entered
    ):
        return CommandResult(intent, writes.state)
    if isinstance(intent, ProfileUpsert) and not writes.fully_superseded:
        return CommandResult(msgspec.structs.replace(intent, list_id=""), writes.state)
    return CommandResult(None, writes.state, writes.reason)


def _apply_list_add(intent: ListAdd, writes: _EventWrites) -> CommandResult:
    """Apply a list add; attributes are recorded only if the add is sent."""
    result = _apply_to_list(intent, writes)
    if result.intent is None:
        return result
    return CommandResult(writes.drop_stale_attributes(intent), writes.state)


def _apply_attributes(
    intent: ProfileUpsert | EventRecord, writes: _EventWrites
) -> CommandResult:
    """Apply attributes; an upsert without any fresh attribute is stale.

    An event record is never stale: the event has happened all the same.
    """
    remaining = writes.drop_stale_attributes(intent)
    if isinstance(remaining, ProfileUpsert) and remaining.list_id:
        return _apply_to_list(remaining, writes)
    is_stale = isinstance(remaining, ProfileUpsert) and writes.fully_superseded
    return CommandResult(
        None if is_stale else remaining, writes.state, TransitionReason.STALE
    )


def _apply_consent(change: ConsentChange, writes: _EventWrites) -> CommandResult:
    is_subscription = change.consent is Consent.SUBSCRIBED
    record_channel = _record_subscription if is_subscription else _record_unsubscription
    keys = [
        CommandKey(Matter.CONSENT, change.list_id, channel, address)
        for channel, address in _channel_addresses(change)
    ]
    remaining = tuple(key.channel for key in keys if record_channel(writes, key))
    if change.everywhere:
        for key in keys:
            writes.record(key._replace(list_id=""), entered=False)
    if not remaining:
        return CommandResult(None, writes.state, writes.reason)
    if remaining != change.channels:
        change = msgspec.structs.replace(change, channels=remaining)
    return CommandResult(change, writes.state)


def _channel_addresses(change: ConsentChange) -> Iterator[tuple[str, str]]:
    """Yield each channel with the address that the consent is about."""
    for channel in change.channels:
        address = ADDRESS_FIELDS.get(channel.partition(".")[0], "")
        yield channel, _subject(change, address)


def _subject(change: ConsentChange, address_field: str) -> str:
    """Return the subject of a consent: an address, or the devices of a push consent."""
    if address := change.profile.get(address_field):
        return fingerprint(address)
    tokens = sorted(str(token.get("token")) for token in change.push_tokens)
    seed = json.dumps([change.profile.get("anonymous_id"), tokens])
    return fingerprint(seed)


def _record_subscription(writes: _EventWrites, key: CommandKey) -> bool:
    """Record a subscription; a subscription to a list ends a global withdrawal too."""
    global_key = key._replace(list_id="")
    if writes.revoked_after(global_key):
        writes.reason = TransitionReason.STALE
        return False
    is_new = writes.record(key, entered=True)
    if key.list_id and is_new:
        writes.record(global_key, entered=True)
    return is_new


def _record_unsubscription(writes: _EventWrites, key: CommandKey) -> bool:
    return writes.record(key, entered=False)


def _apply_deletion(intent: Deletion, writes: _EventWrites) -> CommandResult:
    """Apply a deletion; a replay spares a user with later activity."""
    if writes.has_activity_since:
        return CommandResult(None, writes.state, TransitionReason.STALE)
    result = _apply_single(intent, Matter.DELETION, writes, entered=False)
    if result.intent is not None:
        writes.erase()
    return result._replace(state=writes.state)


def _apply_single(
    intent: Intent, matter: Matter, writes: _EventWrites, *, entered: bool
) -> CommandResult:
    if writes.record_for_person(intent, matter, entered=entered):
        return CommandResult(intent, writes.state)
    return CommandResult(None, writes.state, writes.reason)


def fingerprint(text: str) -> str:
    """Return a short name for a person, address or device.

    The state keeps no address in its keys: a deletion must not leave one behind.
    """
    return blake2b(text.encode(), digest_size=12).hexdigest()
