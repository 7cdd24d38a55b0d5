"""What a replay may say again, and to whom."""

import pytest
from msgspec.structs import replace

from streams.actions.commands import newest
from streams.actions.intents import Deletion, Intent, ListAdd, Suppression
from streams.audiences.row import Memberships
from streams.audiences.transition import Why
from streams.events.model import CanonicalEvent, Replay, ReplayMode
from tests.streams.actions.commanding import User, at, consent

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


def again(time_ms: int, mode: ReplayMode = ReplayMode.AGAIN) -> CanonicalEvent:
    """The event of that time, taken in again."""
    return replace(at(time_ms), replay=Replay(id="r", mode=mode))


def told(intent: Intent, time_ms: int) -> Memberships:
    """A row that has heard it."""
    user = User()
    user.hear(intent, at(time_ms))
    return user.row


@pytest.mark.parametrize("intent", SAID_ONCE)
def test_an_event_taken_in_again_repeats_it_to_nobody(intent: Intent) -> None:
    """People change theirs in Klaviyo too; only a list is put right again."""
    found = newest(intent, told(intent, 1), event=again(1))

    assert (found.intent, found.why) == (None, Why.REPEAT)
    assert newest(ADD, told(ADD, 1), event=again(1)).intent == ADD


@pytest.mark.parametrize("intent", SAID_ONCE)
def test_what_failed_itself_is_said_again(intent: Intent) -> None:
    """It comes back alone, as an activation."""
    row = told(intent, 1)

    assert newest(intent, row, event=again(1), retells=True).intent == intent


@pytest.mark.parametrize("mode", [ReplayMode.CORRECT, ReplayMode.AGAIN])
@pytest.mark.parametrize("retells", [False, True])
def test_who_came_back_is_not_deleted_again(mode: ReplayMode, *, retells: bool) -> None:
    """Whatever brings the deletion back."""
    user = User()
    user.hear(DELETION, at(1))
    user.hear(ADD, at(2))

    found = newest(DELETION, user.row, event=again(1, mode), retells=retells)

    assert (found.intent, found.why) == (None, Why.STALE)


def test_a_deletion_that_was_never_said_is_said_by_a_replay() -> None:
    """Its mapping was wrong, and the user has been heard of since."""
    row = told(ADD, 2)

    assert newest(DELETION, row, event=again(1, ReplayMode.CORRECT)).intent == DELETION


def test_a_rebuilt_table_learns_of_a_deletion_that_was_outlived() -> None:
    """Who was in an audience before it is not in it any more."""
    user = User()
    user.hear(ADD, at(1))
    user.hear(consent(given=True), at(3))

    row = newest(DELETION, user.row, event=again(2, ReplayMode.REBUILD)).row

    [word] = [row[key] for key in row if "list" in key]
    assert not word.inside
