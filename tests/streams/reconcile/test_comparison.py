"""Comparison of one list in Klaviyo with the memberships table."""

from collections.abc import Iterable, Mapping

import pytest

from streams.actions.intents import ListAdd, ListRemove
from streams.events.canonical_event import Origin
from streams.klaviyo.lookups.lists import ListMember
from streams.reconcile.comparison import Comparison, Differences, identifiers_from_key
from streams.reconcile.desired_memberships import DesiredMembership
from streams.reconcile.repairs import build_repairs
from streams.state.entries import LastWrite


def inside_user(
    user: str, *, inside: bool = True, time_ms: int = 1, list_id: str = ""
) -> DesiredMembership:
    """Build the desired membership of a user, inside by default."""
    origin = Origin(topic="s", partition=0, offset=time_ms)
    membership = LastWrite(
        inside=inside, time_ms=time_ms, origin=origin, message_ids=(f"m-{user}",)
    )
    return DesiredMembership(
        user=user, audience="vip", last_write=membership, explicit_list_id=list_id
    )


def outside_user(user: str, *, time_ms: int = 1) -> DesiredMembership:
    """Build the desired membership of a user who left."""
    return inside_user(user, inside=False, time_ms=time_ms)


def list_member(profile_id: str, **identifiers: str) -> ListMember:
    """Build a member of the list."""
    return ListMember(profile_id=profile_id, **identifiers)


def compare(
    desired: Iterable[DesiredMembership],
    members: Iterable[ListMember],
    *,
    identities: Mapping[str, dict[str, str]] | None = None,
    changed_users: frozenset[str] = frozenset(),
    resync: bool = False,
) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """Return missing users, unexpected users with profiles, and unmanaged profiles.

    A user without a source record counts as known by the user id.
    """
    by_user = {
        desired_membership.user: desired_membership for desired_membership in desired
    }
    comparison = Comparison(by_user, list(members), changed_users=changed_users)
    for desired_membership in comparison.find_unresolved(resync=resync):
        if identities and desired_membership.user in identities:
            comparison.add_identity(
                desired_membership.user, identities[desired_membership.user]
            )
    for user in comparison.find_unidentified(resync=resync):
        comparison.add_identity(user, {"external_id": user})
    return summarize(comparison.find_differences(resync=resync))


def summarize(
    differences: Differences,
) -> tuple[set[str], set[tuple[str, str]], set[str]]:
    """Return only the ids of the differences."""
    return (
        {difference.desired.user for difference in differences.missing},
        {
            (difference.desired.user, difference.member.profile_id)
            for difference in differences.unexpected
        },
        {difference.profile_id for difference in differences.unmanaged},
    )


@pytest.mark.parametrize(
    ("user", "identifiers"),
    [
        pytest.param("u-1", {"external_id": "u-1"}, id="user-id"),
        pytest.param("a@x.io", {"email": "a@x.io"}, id="address"),
        pytest.param("a@x.io", {"email": "A@X.io"}, id="address-in-other-case"),
        pytest.param("+4930123456", {"phone_number": "+4930123456"}, id="phone"),
    ],
)
def test_a_member_is_a_user_by_any_identifier(
    user: str, identifiers: dict[str, str]
) -> None:
    """A user inside belongs on the list; a user outside is unexpected there."""
    listed = list_member("P", **identifiers)

    assert compare([inside_user(user)], [listed]) == (set(), set(), set())
    assert compare([outside_user(user)], [listed]) == (set(), {(user, "P")}, set())


def test_absent_users_are_missing_and_unknown_members_unmanaged() -> None:
    """A user outside and not on the list is no difference."""
    summary = compare(
        [inside_user("in"), outside_user("out")],
        [list_member("P", external_id="stranger")],
    )

    assert summary == ({"in"}, set(), {"P"})


def test_a_device_is_matched_by_its_source_record_identifiers() -> None:
    """The match works for users inside and outside."""
    identities = {"d-1": {"email": "One@x.io"}, "d-2": {"phone_number": "+4930123456"}}
    members = [
        list_member("P", email="one@x.io"),
        list_member("Q", phone_number="+4930123456"),
    ]

    summary = compare(
        [inside_user("d-1"), outside_user("d-2")], members, identities=identities
    )

    assert summary == (set(), {("d-2", "Q")}, set())


def test_a_device_without_a_source_record_stays_unmatched() -> None:
    """No member is removed on a guess."""
    summary = compare([outside_user("d-1")], [list_member("P", email="one@x.io")])

    assert summary == (set(), set(), {"P"})


@pytest.mark.parametrize(
    ("desired", "unexpected"),
    [
        pytest.param(
            [outside_user("u-1", time_ms=2), inside_user("d-1")],
            set(),
            id="the-device-inside",
        ),
        pytest.param(
            [inside_user("u-1"), outside_user("d-1", time_ms=2)],
            set(),
            id="the-user-inside",
        ),
        pytest.param(
            [outside_user("u-1", time_ms=1), outside_user("d-1", time_ms=2)],
            {("d-1", "P")},
            id="neither",
        ),
    ],
)
def test_one_member_who_is_two_users(
    desired: list[DesiredMembership], unexpected: set[tuple[str, str]]
) -> None:
    """A member stays if any user is inside; else the latest write is a removal."""
    members = [
        list_member("P", external_id="u-1", email="e@x.io"),
        list_member("Q", email="q@x"),
    ]

    summary = compare(desired, members, identities={"d-1": {"email": "e@x.io"}})

    assert summary == (set(), unexpected, {"Q"})


def test_users_outside_are_resolved_only_for_unmatched_members() -> None:
    """Millions of users have left, so their records are read only if needed."""
    desired_by_user = {
        desired.user: desired
        for desired in (inside_user("u-1"), inside_user("d-1"), outside_user("d-2"))
    }
    matched, stranger = (
        list_member("P", external_id="u-1"),
        list_member("Q", email="q@x.io"),
    )

    unresolved_when_all_match = Comparison(desired_by_user, [matched]).find_unresolved()
    unresolved_with_stranger = Comparison(
        desired_by_user, [matched, stranger]
    ).find_unresolved()

    assert [desired.user for desired in unresolved_when_all_match] == ["d-1"]
    assert [desired.user for desired in unresolved_with_stranger] == ["d-1", "d-2"]


def test_a_user_who_changed_during_the_read_is_not_judged() -> None:
    """The next comparison decides, for users inside and outside."""
    summary = compare(
        [inside_user("in"), outside_user("out")],
        [list_member("P", external_id="out")],
        changed_users=frozenset({"in", "out"}),
    )

    assert summary == (set(), set(), set())


def test_a_resync_counts_all_inside_as_missing() -> None:
    """Users outside and on the list stay unexpected."""
    members = [list_member("P", external_id="in"), list_member("Q", external_id="out")]

    summary = compare(
        [inside_user("in"), outside_user("out"), outside_user("far")],
        members,
        resync=True,
    )

    assert summary == ({"in"}, {("out", "Q")}, set())


@pytest.mark.parametrize(
    ("user", "identifiers"),
    [
        pytest.param("u-1", {}, id="user-id-or-device"),
        pytest.param("a@x.io", {"email": "a@x.io"}, id="address"),
        pytest.param("A@x.io", {}, id="user-id-like-one"),
    ],
)
def test_a_user_key_is_an_identifier_if_it_is_an_address(
    user: str, identifiers: dict[str, str]
) -> None:
    """The key of an event without a user id is the e-mail address in lower case."""
    assert identifiers_from_key(user) == identifiers


def test_an_unidentified_user_is_counted_but_not_repaired() -> None:
    """The key may be a device's, and an add would create a profile without a person."""
    desired_by_user = {
        item.user: item
        for item in (inside_user("d-1"), inside_user("a@x.io"), inside_user("u-1"))
    }
    comparison = Comparison(desired_by_user, [])

    unidentified = comparison.find_unidentified()
    comparison.add_identity("u-1", {"external_id": "u-1"})
    differences = comparison.find_differences()

    assert unidentified == ["d-1", "u-1"]
    assert [item.desired.user for item in differences.missing] == ["a@x.io", "u-1"]
    assert [item.desired.user for item in differences.unidentified] == ["d-1"]
    assert [item.user for item in build_repairs(differences)] == ["a@x.io", "u-1"]
    assert differences.for_users({"a@x.io"}).unidentified == ()


def test_repairs_have_the_last_write_and_the_identifiers() -> None:
    """Identifiers to add come from the record or the key, to remove from Klaviyo."""
    desired_by_user = {
        item.user: item
        for item in (
            inside_user("u-1", list_id="L9"),
            inside_user("e@x.io"),
            outside_user("u-3"),
        )
    }
    listed = list_member("P", external_id="u-3", email="three@x.io")
    comparison = Comparison(desired_by_user, [listed])
    comparison.add_identity("u-1", {"external_id": "u-1", "email": "one@x.io"})

    built_repairs = list(build_repairs(comparison.find_differences()))

    assert [item.intent for item in built_repairs] == [
        ListAdd(list_id="L9", profile={"external_id": "u-1", "email": "one@x.io"}),
        ListAdd(list_id="", profile={"email": "e@x.io"}),
        ListRemove(
            list_id="", identifiers={"external_id": "u-3", "email": "three@x.io"}
        ),
    ]
    assert [
        (item.user, item.audience, item.time_ms, item.message_id)
        for item in built_repairs
    ] == [(user, "vip", 1, f"m-{user}") for user in desired_by_user]
