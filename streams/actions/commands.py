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
from streams.actions.kinds import list_id_of
from streams.actions.user_state import UserState
from streams.audiences.transition import TransitionReason
from streams.events.canonical_event import CanonicalEvent, ReplayMode
from streams.state.last_write import LastWrite
from streams.state.user_row import RESERVED_PREFIX, UserRow

_NEVER_RESENT: Final = (ConsentChange, Suppression, Deletion)
_ADDRESS: Final = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}


class CommandResult(NamedTuple):
    """What is left of a command.

    Attributes:
        intent: What is still to be done; None when nothing is.
        row: The user's row after it; the same object when nothing moved.
        reason: Why nothing is to be done, when nothing is.
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
    """Hold a command against the last words on the same matter.

    Args:
        intent: What an event asks for.
        row: The user's row.
        event: The event.
        allow_repeat: Whether a replay may say anything again. Else it says no consent, no
            suppression and no deletion again: people change theirs in Klaviyo too, and
            of an event another mapping's part may be all that failed.
    """
    mode = event.replay.mode if event.replay else None
    if (
        mode is ReplayMode.RESEND
        and not allow_repeat
        and isinstance(intent, _NEVER_RESENT)
    ):
        mode = ReplayMode.CHANGES_ONLY
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
            result = _apply_single(intent, "suppressed", state, entered=entered)
        case ListAdd():
            result = _apply_list_add(intent, state)
        case ProfileUpsert() | EventRecord():
            result = _apply_attributes(intent, state)
        case _:
            result = _apply_to_list(intent, state)
    return result


def deleted_after(row: UserRow, event: CanonicalEvent) -> bool:
    """Whether the user was deleted after an event: nobody makes them anew.

    Args:
        row: The user's row.
        event: The event.
    """
    return UserState(row, event).revoked_after("deleted", "")


def has_command_since(row: UserRow, list_id: str, last_write: LastWrite) -> bool:
    """Whether a command moved the user on or off a list after an audience's word.

    A consent on the list does too, and so does the withdrawal from all.

    Args:
        row: The user's row.
        list_id: Klaviyo's id of the list.
        last_write: The audience's.
    """
    global_consent_prefix = RESERVED_PREFIX.join(("", "consent", "", ""))
    matters = ("list", "consent") if list_id else ()
    list_prefixes = tuple(
        RESERVED_PREFIX.join(("", what, list_id, "")) for what in matters
    )
    return any(
        (
            key.startswith(list_prefixes)
            or (key.startswith(global_consent_prefix) and not last.inside)
        )
        and (last.time_ms, last.origin) > (last_write.time_ms, last_write.origin)
        for key, last in row.items()
    )


def _apply_to_list(intent: Intent, state: UserState) -> CommandResult:
    entered = not isinstance(intent, ListRemove)
    list_id = list_id_of(intent)
    if not list_id or state.record_for_person(intent, "list", list_id, entered=entered):
        return CommandResult(intent, state.row)
    if isinstance(intent, ProfileUpsert) and not state.fully_superseded:
        return CommandResult(msgspec.structs.replace(intent, list_id=""), state.row)
    return CommandResult(None, state.row, state.reason)


def _apply_list_add(intent: ListAdd, state: UserState) -> CommandResult:
    """Its attributes are heard only where they are sent."""
    result = _apply_to_list(intent, state)
    if result.intent is None:
        return result
    return CommandResult(state.drop_stale_attributes(intent), state.row)


def _apply_attributes(
    intent: ProfileUpsert | EventRecord, state: UserState
) -> CommandResult:
    """What nothing is left of is late; an event has happened all the same."""
    remaining = state.drop_stale_attributes(intent)
    if isinstance(remaining, ProfileUpsert) and remaining.list_id:
        return _apply_to_list(remaining, state)
    is_stale = isinstance(remaining, ProfileUpsert) and state.fully_superseded
    return CommandResult(
        None if is_stale else remaining, state.row, TransitionReason.STALE
    )


def _apply_consent(change: ConsentChange, state: UserState) -> CommandResult:
    record_channel = (
        _record_subscription
        if change.consent is Consent.SUBSCRIBED
        else _record_unsubscription
    )
    remaining_channels = tuple(
        channel
        for channel, address in _channel_addresses(change)
        if record_channel(state, channel, address, list_id=change.list_id)
    )
    if change.everywhere:
        for channel, address in _channel_addresses(change):
            state.record("consent", "", channel, address, entered=False)
    if not remaining_channels:
        return CommandResult(None, state.row, state.reason)
    if remaining_channels != change.channels:
        change = msgspec.structs.replace(change, channels=remaining_channels)
    return CommandResult(change, state.row)


def _channel_addresses(change: ConsentChange) -> Iterator[tuple[str, str]]:
    """Give each channel with the address that the consent is about."""
    for channel in change.channels:
        address = _ADDRESS.get(channel.partition(".")[0], "")
        yield channel, change.profile.get(address, "") or _device_fingerprint(change)


def _device_fingerprint(change: ConsentChange) -> str:
    """Name what push reaches, in few letters: a token has hundreds."""
    tokens = sorted(str(token.get("token")) for token in change.push_tokens)
    seed = json.dumps([change.profile.get("anonymous_id"), tokens])
    return blake2b(seed.encode(), digest_size=8).hexdigest()


def _record_subscription(
    state: UserState, channel: str, address: str, *, list_id: str
) -> bool:
    """Hear a subscription, which ends a global withdrawal too."""
    if state.revoked_after("consent", "", channel, address):
        state.reason = TransitionReason.STALE
        return False
    is_new = state.record("consent", list_id, channel, address, entered=True)
    if list_id and is_new:
        state.record("consent", "", channel, address, entered=True)
    return is_new


def _record_unsubscription(
    state: UserState, channel: str, address: str, *, list_id: str
) -> bool:
    return state.record("consent", list_id, channel, address, entered=False)


def _apply_deletion(intent: Deletion, state: UserState) -> CommandResult:
    """Who came back since is not deleted by a replay."""
    if state.has_activity_since:
        return CommandResult(None, state.row, TransitionReason.STALE)
    result = _apply_single(intent, "deleted", state, entered=False)
    if result.intent is not None:
        state.exit_all()
    return result._replace(row=state.row)


def _apply_single(
    intent: Intent, matter: str, state: UserState, *, entered: bool
) -> CommandResult:
    if state.record_for_person(intent, matter, entered=entered):
        return CommandResult(intent, state.row)
    return CommandResult(None, state.row, state.reason)
