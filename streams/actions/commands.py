"""Comparison of commands with last writes: a late or repeated command has no effect.

An audience states who is in it, and only a change of that is worth a request. A mapping
gives commands: each new command is executed, whatever the previous command was, because
people are removed from lists and unsubscribe in Klaviyo too. An older command is never
executed.

The last writes are kept in the user's row, beside the memberships.
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
from streams.actions.kinds import list_id_of
from streams.actions.user_state import UserState
from streams.audiences.transition import TransitionReason
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.last_write import LastWrite
from streams.state.user_row import CommandKey, Matter, UserRow

_NEVER_RESENT: Final = (ConsentChange, Suppression, Deletion)
_ADDRESS: Final = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}


class CommandResult(NamedTuple):
    """Remainder of a command after the comparison.

    Attributes:
        intent: The intent that is still to be executed; None if there is none.
        row: The user's row after the event; the same object if nothing changed.
        reason: Reason for executing nothing.
    """

    intent: Intent | None
    row: UserRow
    reason: str = ""


def apply_command(
    intent: Intent,
    row: UserRow,
    *,
    event: CanonicalEvent,
    allow_repeat: bool = False,
) -> CommandResult:
    """Compare a command with the last writes on the matter, and record the command.

    Args:
        intent: An intent of the event.
        row: The user's row.
        event: The event.
        allow_repeat: Whether a replay may repeat any command. Otherwise a replay
            repeats no consent, no suppression and no deletion: people change theirs in
            Klaviyo too, and perhaps only another mapping of the event has failed.
    """
    mode = event.replay_mode
    if mode is ReplayMode.RESEND and not allow_repeat:
        mode = ReplayMode.CHANGES_ONLY if isinstance(intent, _NEVER_RESENT) else mode
    state = UserState(row, event, mode)
    if not isinstance(intent, Deletion) and state.deleted_after(intent):
        return CommandResult(None, row, TransitionReason.STALE)
    match intent:
        case Deletion():
            result = _apply_deletion(intent, state)
        case ConsentChange():
            result = _apply_consent(intent, state)
        case Suppression():
            entered = intent.change == "suppress"
            result = _apply_single(intent, Matter.SUPPRESSION, state, entered=entered)
        case ListAdd():
            result = _apply_list_add(intent, state)
        case ProfileUpsert() | EventRecord():
            result = _apply_attributes(intent, state)
        case ListRemove():
            result = _apply_to_list(intent, state)
    return result


def deleted_after(row: UserRow, event: CanonicalEvent) -> bool:
    """Return True if the user was deleted after an event.

    An older event must not create a deleted profile again.

    Args:
        row: The user's row.
        event: The event.
    """
    return UserState(row, event).revoked_after(CommandKey(Matter.DELETION))


def has_command_since(row: UserRow, list_id: str, last_write: LastWrite) -> bool:
    """Return True if a command moved the user on or off a list after an audience did.

    A consent on the list counts, and so does a withdrawal from the whole account.

    Args:
        row: The user's row.
        list_id: Klaviyo's id of the list; empty if the audience has no list yet.
        last_write: The last write on the membership.
    """
    return any(
        write.rank > last_write.rank and _moves_user(key, write, list_id=list_id)
        for key, write in row.commands.items()
    )


def _moves_user(key: CommandKey, write: LastWrite, *, list_id: str) -> bool:
    if key.matter is Matter.CONSENT and not key.list_id and not write.inside:
        return True
    is_about_lists = key.matter in {Matter.LIST, Matter.CONSENT}
    return bool(list_id) and is_about_lists and key.list_id == list_id


def _apply_to_list(
    intent: ProfileUpsert | ListAdd | ListRemove, state: UserState
) -> CommandResult:
    entered = not isinstance(intent, ListRemove)
    list_id = list_id_of(intent)
    if not list_id or state.record_for_person(
        intent, Matter.LIST, list_id=list_id, entered=entered
    ):
        return CommandResult(intent, state.row)
    if isinstance(intent, ProfileUpsert) and not state.fully_superseded:
        return CommandResult(msgspec.structs.replace(intent, list_id=""), state.row)
    return CommandResult(None, state.row, state.reason)


def _apply_list_add(intent: ListAdd, state: UserState) -> CommandResult:
    """Apply a list add; attributes are recorded only if the add is sent."""
    result = _apply_to_list(intent, state)
    if result.intent is None:
        return result
    return CommandResult(state.drop_stale_attributes(intent), state.row)


def _apply_attributes(
    intent: ProfileUpsert | EventRecord, state: UserState
) -> CommandResult:
    """Apply attributes; an upsert without any fresh attribute is stale.

    An event record is never stale: the event has happened all the same.
    """
    remaining = state.drop_stale_attributes(intent)
    if isinstance(remaining, ProfileUpsert) and remaining.list_id:
        return _apply_to_list(remaining, state)
    is_stale = isinstance(remaining, ProfileUpsert) and state.fully_superseded
    return CommandResult(
        None if is_stale else remaining, state.row, TransitionReason.STALE
    )


def _apply_consent(change: ConsentChange, state: UserState) -> CommandResult:
    is_subscription = change.consent is Consent.SUBSCRIBED
    record_channel = _record_subscription if is_subscription else _record_unsubscription
    keys = [
        CommandKey(Matter.CONSENT, change.list_id, channel, address)
        for channel, address in _channel_addresses(change)
    ]
    remaining = tuple(key.channel for key in keys if record_channel(state, key))
    if change.everywhere:
        for key in keys:
            state.record(key._replace(list_id=""), entered=False)
    if not remaining:
        return CommandResult(None, state.row, state.reason)
    if remaining != change.channels:
        change = msgspec.structs.replace(change, channels=remaining)
    return CommandResult(change, state.row)


def _channel_addresses(change: ConsentChange) -> Iterator[tuple[str, str]]:
    """Yield each channel with the address that the consent is about."""
    for channel in change.channels:
        address = _ADDRESS.get(channel.partition(".")[0], "")
        yield channel, change.profile.get(address, "") or _device_fingerprint(change)


def _device_fingerprint(change: ConsentChange) -> str:
    """Return a short name for the devices of a push consent; a token is long."""
    tokens = sorted(str(token.get("token")) for token in change.push_tokens)
    seed = json.dumps([change.profile.get("anonymous_id"), tokens])
    return blake2b(seed.encode(), digest_size=8).hexdigest()


def _record_subscription(state: UserState, key: CommandKey) -> bool:
    """Record a subscription; a subscription to a list ends a global withdrawal too."""
    global_key = key._replace(list_id="")
    if state.revoked_after(global_key):
        state.reason = TransitionReason.STALE
        return False
    is_new = state.record(key, entered=True)
    if key.list_id and is_new:
        state.record(global_key, entered=True)
    return is_new


def _record_unsubscription(state: UserState, key: CommandKey) -> bool:
    return state.record(key, entered=False)


def _apply_deletion(intent: Deletion, state: UserState) -> CommandResult:
    """Apply a deletion; a replay spares a user with later activity."""
    if state.has_activity_since:
        return CommandResult(None, state.row, TransitionReason.STALE)
    result = _apply_single(intent, Matter.DELETION, state, entered=False)
    if result.intent is not None:
        state.exit_all()
    return result._replace(row=state.row)


def _apply_single(
    intent: Intent, matter: Matter, state: UserState, *, entered: bool
) -> CommandResult:
    if state.record_for_person(intent, matter, entered=entered):
        return CommandResult(intent, state.row)
    return CommandResult(None, state.row, state.reason)
