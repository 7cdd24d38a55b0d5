"""Tests of the commands that a replay may repeat."""

import pytest
from msgspec.structs import replace

from streams.actions.commands import apply_command
from streams.actions.intents import Deletion, Intent, ListAdd, Suppression
from streams.audiences.audience_events import TransitionReason
from streams.events.canonical_event import CanonicalEvent, Replay, ReplayMode
from streams.state.entries import Matter
from streams.state.user_state import UserState
from tests.streams.actions.command_harness import CommandedUser, consent, event_at

ADD = ListAdd(list_id="L", profile={"external_id": "u"})
DELETION = Deletion(identifiers={"external_id": "u"})
NEVER_RESENT = [
    pytest.param(consent(given=True), id="subscription"),
    pytest.param(consent(given=False), id="withdrawal"),
    pytest.param(
        Suppression(change="suppress", email="a@b.co"),
        id="suppression",
    ),
    pytest.param(DELETION, id="deletion"),
]


def replayed(time_ms: int, mode: ReplayMode = ReplayMode.RESEND) -> CanonicalEvent:
    """Return the replayed event of a time."""
    return replace(event_at(time_ms), replay=Replay(id="r", mode=mode))


def state_after(intent: Intent, time_ms: int) -> UserState:
    """Return the state of a user after an intent."""
    user = CommandedUser()
    user.apply(intent, event_at(time_ms))
    return user.state


@pytest.mark.parametrize("intent", NEVER_RESENT)
def test_a_replayed_event_repeats_no_consent_and_no_deletion(intent: Intent) -> None:
    """People change consents in Klaviyo too; only list changes are repeated."""
    result = apply_command(intent, state_after(intent, 1), event=replayed(1))

    assert (result.intent, result.reason) == (None, TransitionReason.DUPLICATE)
    assert apply_command(ADD, state_after(ADD, 1), event=replayed(1)).intent == ADD


@pytest.mark.parametrize("intent", NEVER_RESENT)
def test_a_failed_activation_is_repeated(intent: Intent) -> None:
    """A failed activation comes back alone, and may be repeated."""
    state = state_after(intent, 1)

    assert (
        apply_command(intent, state, event=replayed(1), allow_repeat=True).intent
        == intent
    )


@pytest.mark.parametrize("mode", [ReplayMode.CHANGES_ONLY, ReplayMode.RESEND])
@pytest.mark.parametrize("allow_repeat", [False, True])
def test_a_user_with_later_activity_is_not_deleted_again(
    mode: ReplayMode, *, allow_repeat: bool
) -> None:
    """No mode and no permission to repeat makes a difference."""
    user = CommandedUser()
    user.apply(DELETION, event_at(1))
    user.apply(ADD, event_at(2))

    result = apply_command(
        DELETION, user.state, event=replayed(1, mode), allow_repeat=allow_repeat
    )

    assert (result.intent, result.reason) == (None, TransitionReason.STALE)


def test_a_deletion_that_was_never_sent_is_sent_by_a_replay() -> None:
    """The mapping was wrong before, and the user has been active since."""
    state = state_after(ADD, 2)

    assert (
        apply_command(
            DELETION, state, event=replayed(1, ReplayMode.CHANGES_ONLY)
        ).intent
        == DELETION
    )


def test_a_restored_table_has_a_deletion_with_later_activity() -> None:
    """Entries from before the deletion are not in the restored table."""
    user = CommandedUser()
    user.apply(ADD, event_at(1))
    user.apply(consent(given=True), event_at(3))

    state = apply_command(
        DELETION, user.state, event=replayed(2, ReplayMode.STATE_ONLY)
    ).state

    matters = {key.matter for key in state.commands}
    assert matters == {Matter.CONSENT, Matter.DELETION}
