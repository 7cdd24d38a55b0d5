"""One list compared with the table."""

from collections.abc import Iterable, Mapping

import pytest

from streams.actions.intents import ListAdd, ListRemove
from streams.audiences.membership import Membership
from streams.events.origin import Origin
from streams.klaviyo.rosters import Member
from streams.replay.reconcile import Comparison, Differences, key_names
from streams.replay.repairs import repairs
from streams.replay.words import Word


def word(user: str, *, inside: bool = True, at: int = 1, named: str = "") -> Word:
    """Make the last word on a user."""
    origin = Origin(topic="s", partition=0, offset=at)
    membership = Membership(
        inside=inside, time_ms=at, origin=origin, message_ids=(f"m-{user}",)
    )
    return Word(user=user, audience="vip", membership=membership, named=named)


def out(user: str, *, at: int = 1) -> Word:
    """Someone who has left."""
    return word(user, inside=False, at=at)


def member(seat: str, **named: str) -> Member:
    """Someone on the list."""
    return Member(profile_id=seat, **named)


def compared(
    words: Iterable[Word],
    members: Iterable[Member],
    *,
    told: Mapping[str, dict[str, str]] | None = None,
    moving: frozenset[str] = frozenset(),
    everyone: bool = False,
) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """Give who is missing, who is unexpected as which profile, and the others.

    Whom no record names, a profile does.
    """
    by_user = {one.user: one for one in words}
    comparison = Comparison(by_user, list(members), moving=moving)
    for one in comparison.unsure(everyone=everyone):
        if told and one.user in told:
            comparison.tell(one.user, told[one.user])
    for user in comparison.nameless(everyone=everyone):
        comparison.tell(user, {"external_id": user})
    return plain(comparison.differences(everyone=everyone))


def plain(found: Differences) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """Leave the names only."""
    return (
        {one.word.user for one in found.missing},
        {(one.word.user, one.member.profile_id) for one in found.unexpected},
        {one.profile_id for one in found.others},
    )


@pytest.mark.parametrize(
    ("user", "named"),
    [
        pytest.param("u-1", {"external_id": "u-1"}, id="user-id"),
        pytest.param("a@x.io", {"email": "a@x.io"}, id="address"),
        pytest.param("a@x.io", {"email": "A@X.io"}, id="address-in-other-case"),
        pytest.param("+4930123456", {"phone_number": "+4930123456"}, id="phone"),
    ],
)
def test_a_member_is_a_user_by_any_identifier(user: str, named: dict[str, str]) -> None:
    """Inside and there is equal; outside and there is not."""
    there = member("P", **named)

    assert compared([word(user)], [there]) == (set(), set(), set())
    assert compared([out(user)], [there]) == (set(), {(user, "P")}, set())


def test_who_is_not_there_is_missing_and_who_is_unknown_is_left_alone() -> None:
    """The one outside and not there is as it should be."""
    found = compared([word("in"), out("out")], [member("P", external_id="stranger")])

    assert found == ({"in"}, set(), {"P"})


def test_a_device_is_found_by_what_its_source_record_calls_it() -> None:
    """Inside or outside."""
    told = {"d-1": {"email": "One@x.io"}, "d-2": {"phone_number": "+4930123456"}}
    there = [member("P", email="one@x.io"), member("Q", phone_number="+4930123456")]

    found = compared([word("d-1"), out("d-2")], there, told=told)

    assert found == (set(), {("d-2", "Q")}, set())


def test_a_device_without_its_record_stays_unmatched() -> None:
    """Nobody is removed on a guess."""
    found = compared([out("d-1")], [member("P", email="one@x.io")])

    assert found == (set(), set(), {"P"})


@pytest.mark.parametrize(
    ("words", "unexpected"),
    [
        pytest.param([out("u-1", at=2), word("d-1")], set(), id="the-device-inside"),
        pytest.param([word("u-1"), out("d-1", at=2)], set(), id="the-user-inside"),
        pytest.param(
            [out("u-1", at=1), out("d-1", at=2)], {("d-1", "P")}, id="neither"
        ),
    ],
)
def test_one_member_who_is_two_users(
    words: list[Word], unexpected: set[tuple[str, str]]
) -> None:
    """Right as soon as one of them is inside; else the later word removes them."""
    there = [member("P", external_id="u-1", email="e@x.io"), member("Q", email="q@x")]

    found = compared(words, there, told={"d-1": {"email": "e@x.io"}})

    assert found == (set(), unexpected, {"Q"})


def test_those_outside_are_asked_only_while_members_are_unknown() -> None:
    """Millions have left; their records are read only where it can matter."""
    words = {one.user: one for one in (word("u-1"), word("d-1"), out("d-2"))}
    known, stranger = member("P", external_id="u-1"), member("Q", email="q@x.io")

    alone = Comparison(words, [known]).unsure()
    beside = Comparison(words, [known, stranger]).unsure()

    assert [one.user for one in alone] == ["d-1"]
    assert [one.user for one in beside] == ["d-1", "d-2"]


def test_who_moved_while_the_list_was_read_is_not_judged() -> None:
    """Neither way: the next look will tell."""
    found = compared(
        [word("in"), out("out")],
        [member("P", external_id="out")],
        moving=frozenset({"in", "out"}),
    )

    assert found == (set(), set(), set())


def test_a_resync_counts_all_inside_as_missing() -> None:
    """And who is outside and there is unexpected as ever."""
    there = [member("P", external_id="in"), member("Q", external_id="out")]

    found = compared([word("in"), out("out"), out("far")], there, everyone=True)

    assert found == ({"in"}, {("out", "Q")}, set())


@pytest.mark.parametrize(
    ("user", "named"),
    [
        pytest.param("u-1", {}, id="user-id-or-device"),
        pytest.param("a@x.io", {"email": "a@x.io"}, id="address"),
        pytest.param("A@x.io", {}, id="user-id-like-one"),
    ],
)
def test_a_user_key_names_someone_where_it_is_an_address(
    user: str, named: dict[str, str]
) -> None:
    """The key of events without an id is the address in lower case."""
    assert key_names(user) == named


def test_whom_nothing_names_is_counted_apart_and_not_repaired() -> None:
    """The key may be a device's, and an add by it would make a profile of nobody's."""
    words = {one.user: one for one in (word("d-1"), word("a@x.io"), word("u-1"))}
    comparison = Comparison(words, [])

    nameless = comparison.nameless()
    comparison.tell("u-1", {"external_id": "u-1"})
    found = comparison.differences()

    assert nameless == ["d-1", "u-1"]
    assert [one.word.user for one in found.missing] == ["a@x.io", "u-1"]
    assert [one.word.user for one in found.unnamed] == ["d-1"]
    assert [one.user for one in repairs(found)] == ["a@x.io", "u-1"]
    assert found.of({"a@x.io"}).unnamed == ()


def test_the_repairs_carry_the_table_s_word_and_what_names_the_person() -> None:
    """Added by the source record or the key, removed by Klaviyo's own words."""
    words = {
        one.user: one for one in (word("u-1", named="L9"), word("e@x.io"), out("u-3"))
    }
    there = member("P", external_id="u-3", email="three@x.io")
    comparison = Comparison(words, [there])
    comparison.tell("u-1", {"external_id": "u-1", "email": "one@x.io"})

    made = list(repairs(comparison.differences()))

    assert [one.intent for one in made] == [
        ListAdd(list_id="L9", profile={"external_id": "u-1", "email": "one@x.io"}),
        ListAdd(list_id="", profile={"email": "e@x.io"}),
        ListRemove(
            list_id="", identifiers={"external_id": "u-3", "email": "three@x.io"}
        ),
    ]
    assert [(one.user, one.audience, one.time_ms, one.message_id) for one in made] == [
        (user, "vip", 1, f"m-{user}") for user in words
    ]
