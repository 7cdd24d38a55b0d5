"""Tests that the last write of a command counts, in any order of arrival."""

from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actions.commands import apply_command
from streams.actions.intents import (
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
    Suppression,
)
from streams.events.canonical_event import Origin
from streams.state.last_write import LastWrite
from streams.state.user_row import (
    COMMANDS_MAX,
    EMPTY_ROW,
    UserRow,
    decode_row,
    encode_row,
)
from tests.streams.actions.command_harness import CommandedUser, consent, event_at

WHO = {"external_id": "u"}
ADD = ListAdd(list_id="L", profile=WHO)
REMOVE = ListRemove(list_id="L", identifiers=WHO)
UPSERT = ProfileUpsert(profile=WHO, list_id="L")
DELETE = Deletion(identifiers=WHO)
EVENT = EventRecord(metric="Viewed", profile=WHO, properties={})

KINDS: list[Intent] = [
    ADD,
    REMOVE,
    consent(given=True),
    consent(given=False),
    consent(given=True, list_id="L"),
    consent(given=False, list_id="L"),
    Suppression(change="suppress", email="a@b.co"),
    Suppression(change="unsuppress", email="a@b.co"),
    DELETE,
]
IDS = [
    "add",
    "remove",
    "subscribe",
    "unsubscribe",
    "subscribe-to-list",
    "unsubscribe-from-list",
    "suppress",
    "unsuppress",
    "delete",
]


@pytest.mark.parametrize("intent", KINDS, ids=IDS)
def test_a_newer_command_is_done_even_if_it_says_the_same(intent: Intent) -> None:
    """A person may have undone the command in Klaviyo."""
    user = CommandedUser()

    first = user.remaining_after(intent, event_at(1, message_id="a"))
    again = user.remaining_after(intent, event_at(2, message_id="b"))
    by_origin = user.remaining_after(intent, event_at(2, offset=1, message_id="c"))

    assert first == again == by_origin == intent


@pytest.mark.parametrize("intent", KINDS, ids=IDS)
@pytest.mark.parametrize(
    ("time_ms", "offset", "message_id", "why"),
    [
        pytest.param(9, 9, "b", "stale", id="older"),
        pytest.param(10, 4, "b", "stale", id="of-that-time-and-a-smaller-origin"),
        pytest.param(10, 5, "a", "duplicate", id="the-record-itself"),
        pytest.param(10, 6, "a", "duplicate", id="the-producer-s-repeat"),
        pytest.param(10, 4, "a", "duplicate", id="the-producer-s-repeat-before-it"),
    ],
)
def test_an_older_or_equal_command_is_not_done(
    intent: Intent, time_ms: int, offset: int, message_id: str, why: str
) -> None:
    """The result has a reason, and the last write stays."""
    user = CommandedUser()
    user.apply(intent, event_at(10, offset=5, message_id="a"))
    before = user.row

    late = user.apply(intent, event_at(time_ms, offset=offset, message_id=message_id))

    assert (late.intent, late.reason) == (None, why)
    assert {key: write.time_ms for key, write in user.row.commands.items()} == {
        key: write.time_ms for key, write in before.commands.items()
    }


@pytest.mark.parametrize("intent", KINDS, ids=IDS)
def test_the_very_same_row_comes_back_when_nothing_moved(intent: Intent) -> None:
    """No changelog record is written then, and a row is never changed in place."""
    event = event_at(10, message_id="a")
    row = apply_command(intent, EMPTY_ROW, event=event).row
    encoded = encode_row(row)

    assert apply_command(intent, row, event=event).row is row
    apply_command(intent, row, event=event_at(20))
    assert encode_row(row) == encoded


@pytest.mark.parametrize(
    "intent",
    [
        pytest.param(EVENT, id="event"),
        pytest.param(ProfileUpsert(profile=WHO), id="upsert-without-a-list"),
    ],
)
def test_an_intent_without_a_last_write_is_always_executed(intent: Intent) -> None:
    """Klaviyo drops duplicate events by unique id; an upsert is idempotent."""
    user = CommandedUser()

    assert (
        user.remaining_after(intent, event_at(10))
        == user.remaining_after(intent, event_at(5))
        == intent
    )
    assert user.row == EMPTY_ROW


def test_two_mappings_of_an_event_on_one_matter_are_one_write() -> None:
    """The first mapping counts; the second would undo or repeat the command."""
    user = CommandedUser()
    event = event_at(10, message_id="a")

    assert user.remaining_after(ADD, event) == ADD
    assert user.remaining_after(REMOVE, event) is None


def test_two_mappings_of_one_event_on_two_matters_both_count() -> None:
    """Of two lists, or of a list and a consent."""
    user = CommandedUser()
    event = event_at(10, message_id="a")
    other = msgspec.structs.replace(ADD, list_id="M")
    intents: list[Intent] = [ADD, other, consent(given=True)]

    assert [user.remaining_after(intent, event) for intent in intents] == intents


def test_an_add_and_a_removal_share_a_last_write() -> None:
    """A late removal does not undo a newer add of any action."""
    user = CommandedUser()
    user.apply(ADD, event_at(10))

    assert user.remaining_after(REMOVE, event_at(5)) is None
    assert user.remaining_after(REMOVE, event_at(20)) == REMOVE
    assert user.remaining_after(ADD, event_at(15)) is None


def test_an_upsert_with_a_stale_list_loses_only_the_list() -> None:
    """The attributes of the profile are set all the same."""
    user = CommandedUser()
    user.apply(REMOVE, event_at(10))

    assert user.remaining_after(UPSERT, event_at(5)) == ProfileUpsert(profile=WHO)
    assert user.remaining_after(UPSERT, event_at(20)) == UPSERT


def test_another_person_has_last_writes_of_their_own() -> None:
    """Several people share a device; the user is recognized by any identifier."""
    user = CommandedUser()
    ann = ListAdd(list_id="L", profile={"email": "ann@b.co"})
    bob = ListRemove(list_id="L", identifiers={"email": "bob@b.co"})
    by_id_and_email = ListRemove(list_id="L", identifiers={**WHO, "email": "ann@b.co"})

    assert user.remaining_after(ann, event_at(10)) == ann
    assert user.remaining_after(bob, event_at(5)) == bob
    assert user.remaining_after(ADD, event_at(7)) == ADD
    assert user.remaining_after(by_id_and_email, event_at(6)) is None


def test_a_person_is_the_same_by_any_of_their_identifiers() -> None:
    """A removal by address alone is newer than a late add that names the user too."""
    user = CommandedUser()
    by_email = {"email": "ann@b.co"}
    add = ListAdd(list_id="L", profile={**WHO, **by_email})
    user.apply(ListRemove(list_id="L", identifiers=by_email), event_at(10))

    assert user.remaining_after(add, event_at(5)) is None
    assert user.remaining_after(add, event_at(20)) == add


def test_too_many_commands_forget_the_oldest_and_never_an_audience() -> None:
    """A device that a crowd uses does not make its row grow without bound."""
    user = CommandedUser()
    origin = Origin(topic="source", partition=0, offset=0)
    old = {"vip": LastWrite(inside=True, time_ms=0, origin=origin)}
    user.row = UserRow(memberships=old)
    lists = [f"L{number}" for number in range(COMMANDS_MAX + 1)]
    adds = [ListAdd(list_id=list_id, profile=WHO) for list_id in lists]

    for number, add in enumerate(adds):
        user.apply(add, event_at(number + 1))

    assert user.row.memberships == old
    assert len(user.row.commands) == COMMANDS_MAX
    assert user.remaining_after(adds[1], event_at(2)) is None
    assert user.remaining_after(adds[0], event_at(1)) == adds[0]


def test_a_row_with_commands_survives_its_bytes() -> None:
    """The changelog restores commands like memberships."""
    user = CommandedUser()
    user.apply(ADD, event_at(10, message_id="a"))

    assert decode_row(encode_row(user.row)) == user.row


class Command(NamedTuple):
    """Arrival of a command at a row."""

    adds: bool
    time_ms: int
    offset: int

    @property
    def rank(self) -> tuple[int, int]:
        """Order of the command: event time, then origin."""
        return self.time_ms, self.offset

    def is_executed_by(self, user: CommandedUser) -> bool:
        """Return True if the command remains to be executed."""
        event = event_at(self.time_ms, offset=self.offset, message_id=f"m{self.offset}")
        return user.remaining_after(ADD if self.adds else REMOVE, event) is not None


COMMANDS = st.lists(
    st.builds(Command, st.booleans(), st.integers(1, 4), offset=st.integers(0, 30)),
    min_size=1,
    max_size=12,
    unique_by=lambda command: command.offset,
)


@given(commands=COMMANDS, data=st.data())
def test_in_any_order_of_arrival_the_last_executed_is_the_last_write(
    commands: list[Command], data: st.DataObject
) -> None:
    """Duplicates make no difference, and a replay of all commands does nothing."""
    user = CommandedUser()
    repeated = commands + data.draw(st.lists(st.sampled_from(commands), max_size=8))
    arrivals = data.draw(st.permutations(repeated))

    done = [command for command in arrivals if command.is_executed_by(user)]

    assert done[-1] == max(commands, key=lambda command: command.rank)
    assert [command.rank for command in done] == sorted(
        {command.rank for command in done}
    )
    assert not any(command.is_executed_by(user) for command in arrivals)
