"""What a replay may say again, and to whom."""

import pytest
from msgspec.structs import replace

from streams.actions.commands import apply_command
from streams.actions.intents import Deletion, Intent, ListAdd, Suppression
from streams.audiences.transition import TransitionReason
from streams.events.canonical_event import CanonicalEvent, Replay, ReplayMode
from streams.state.user_row import Matter, UserRow
from tests.streams.actions.command_harness import CommandedUser, consent, event_at

ADD = ListAdd(list_id="L", profile={"external_id": "u"})
DELETION = Deletion(identifiers={"external_id": "u"})
SAID_ONCE = [
    pytest.param(consent(given=True), id="subscription"),
    pytest.param(consent(given=False), id="withdrawal"),
    pytest.param(
        Suppression(change="suppress", email="a@b.co"),
        id="suppression",
    ),
    pytest.param(DELETION, id="deletion"),
]


def again(time_ms: int, mode: ReplayMode = ReplayMode.RESEND) -> CanonicalEvent:
    """The event of that time, taken in again."""
    return replace(event_at(time_ms), replay=Replay(id="r", mode=mode))


def told(intent: Intent, time_ms: int) -> UserRow:
    """A row that has heard it."""
    user = CommandedUser()
    user.apply(intent, event_at(time_ms))
    return user.row


@pytest.mark.parametrize("intent", SAID_ONCE)
def test_an_event_taken_in_again_repeats_it_to_nobody(intent: Intent) -> None:
    """People change theirs in Klaviyo too; only a list is put right again."""
    found = apply_command(intent, told(intent, 1), event=again(1))

    assert (found.intent, found.reason) == (None, TransitionReason.DUPLICATE)
    assert apply_command(ADD, told(ADD, 1), event=again(1)).intent == ADD


@pytest.mark.parametrize("intent", SAID_ONCE)
def test_what_failed_itself_is_said_again(intent: Intent) -> None:
    """It comes back alone, as an activation."""
    row = told(intent, 1)

    assert (
        apply_command(intent, row, event=again(1), allow_repeat=True).intent == intent
    )


@pytest.mark.parametrize("mode", [ReplayMode.CHANGES_ONLY, ReplayMode.RESEND])
@pytest.mark.parametrize("retells", [False, True])
def test_who_came_back_is_not_deleted_again(mode: ReplayMode, *, retells: bool) -> None:
    """Whatever brings the deletion back."""
    user = CommandedUser()
    user.apply(DELETION, event_at(1))
    user.apply(ADD, event_at(2))

    found = apply_command(
        DELETION, user.row, event=again(1, mode), allow_repeat=retells
    )

    assert (found.intent, found.reason) == (None, TransitionReason.STALE)


def test_a_deletion_that_was_never_said_is_said_by_a_replay() -> None:
    """Its mapping was wrong, and the user has been heard of since."""
    row = told(ADD, 2)

    assert (
        apply_command(DELETION, row, event=again(1, ReplayMode.CHANGES_ONLY)).intent
        == DELETION
    )


def test_a_rebuilt_table_learns_of_a_deletion_that_was_outlived() -> None:
    """Who was in an audience before it is not in it any more."""
    user = CommandedUser()
    user.apply(ADD, event_at(1))
    user.apply(consent(given=True), event_at(3))

    row = apply_command(DELETION, user.row, event=again(2, ReplayMode.STATE_ONLY)).row

    [write] = [
        write for key, write in row.commands.items() if key.matter is Matter.LIST
    ]
    assert not write.inside
