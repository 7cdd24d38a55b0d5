"""Tests of the last writes on consents, and of deletions."""

import pytest

from streams.actions.intents import (
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ProfileUpsert,
    Suppression,
)
from streams.events.canonical_event import Origin
from streams.state.entries import DELETED, ERASED, LastWrite
from streams.state.user_entries import UserEntries
from streams.state.user_state import UserState
from tests.streams.actions.command_harness import CommandedUser, consent, event_at

WHO = {"external_id": "u"}
EMAIL, SMS = "email.marketing", "sms.marketing"
REACH = {"email": "a@b.co", "phone_number": "+14155550132"}
DELETE = Deletion(identifiers=WHO)


def _inside(time_ms: int, list_id: str = "") -> LastWrite:
    origin = Origin(topic="source", partition=0, offset=0)
    return LastWrite(inside=True, time_ms=time_ms, origin=origin, list_id=list_id)


def test_a_consent_is_compared_with_the_last_write_on_each_channel() -> None:
    """A change that is stale on a channel remains for the other channels."""
    user = CommandedUser()
    user.apply(consent(SMS, given=False, profile=REACH), event_at(10))

    late = user.remaining_after(
        consent(EMAIL, SMS, given=True, profile=REACH), event_at(5)
    )

    assert late == consent(EMAIL, given=True, profile=REACH)


def test_a_consent_is_about_an_address() -> None:
    """A withdrawal for an address leaves other addresses alone."""
    user = CommandedUser()
    other = {"email": "c@d.co"}
    user.apply(consent(given=False), event_at(10))

    assert user.remaining_after(consent(given=True), event_at(5)) is None
    given = consent(given=True, profile=other)
    assert user.remaining_after(given, event_at(5)) == given


def test_push_is_about_the_device() -> None:
    """Push reaches devices, which have no address."""
    user = CommandedUser()
    phone, tablet = (
        consent("push.marketing", given=True, profile={"anonymous_id": name})
        for name in ("phone", "tablet")
    )
    user.apply(phone, event_at(10))

    assert user.remaining_after(phone, event_at(5)) is None
    assert user.remaining_after(tablet, event_at(5)) == tablet


def test_a_late_consent_of_another_device_still_counts() -> None:
    """Two devices of a person have different tokens."""
    user = CommandedUser()
    phone, tablet = (
        consent(
            "push.marketing", given=True, profile={}, push_tokens=({"token": name},)
        )
        for name in ("phone", "tablet")
    )

    assert user.remaining_after(phone, event_at(10)) == phone
    assert user.remaining_after(tablet, event_at(5)) == tablet
    assert user.remaining_after(phone, event_at(7)) is None


def test_a_global_withdrawal_is_newer_than_a_subscription_to_a_list() -> None:
    """Klaviyo would lift the withdrawal if the late subscription came."""
    user = CommandedUser()
    user.apply(consent(given=False), event_at(10))
    listed = consent(given=True, list_id="L")

    late = user.apply(listed, event_at(5))

    assert (late.intent, late.reason) == (None, "stale")
    assert user.remaining_after(listed, event_at(20)) == listed


def test_who_leaves_everywhere_has_left_every_list() -> None:
    """A late subscription to another list is older than that."""
    user = CommandedUser()
    leaves = consent(given=False, list_id="L", everywhere=True)
    user.apply(leaves, event_at(10))

    assert user.remaining_after(consent(given=True, list_id="M"), event_at(5)) is None


def test_a_subscription_to_a_list_ends_an_older_global_withdrawal() -> None:
    """Klaviyo does the same; the late withdrawal would end the subscription."""
    user = CommandedUser()
    user.apply(consent(given=True, list_id="L"), event_at(10))

    assert user.remaining_after(consent(given=False), event_at(5)) is None


def test_one_event_may_leave_all_and_subscribe_to_a_list() -> None:
    """Neither is older: both are done, in the order of the mappings."""
    user = CommandedUser()
    event = event_at(10, message_id="a")
    intents = [consent(given=False), consent(given=True, list_id="L")]

    assert [user.remaining_after(intent, event) for intent in intents] == intents


def test_leaving_a_list_leaves_no_other_list_and_not_all() -> None:
    """A withdrawal from a list concerns that list alone."""
    user = CommandedUser()
    user.apply(consent(given=False, list_id="L"), event_at(10))

    for time_ms, list_id in ((5, "M"), (6, "")):
        other = consent(given=True, list_id=list_id)
        assert user.remaining_after(other, event_at(time_ms)) == other
    assert user.remaining_after(consent(given=True, list_id="L"), event_at(7)) is None


def test_a_deletion_erases_every_older_entry() -> None:
    """A newer membership stays, and so does the deletion itself."""
    user = CommandedUser()
    entries = UserEntries(
        memberships={"vip": _inside(5, list_id="L"), "new": _inside(20)},
        attributes={("title",): _inside(5)},
    )
    user.state = UserState(stored=entries)
    user.apply(consent(given=True), event_at(6))

    assert user.remaining_after(DELETE, event_at(10)) == DELETE

    assert user.state.memberships == {"new": _inside(20)}
    assert user.state.attributes == {}
    assert {*user.state.commands} == {DELETED, ERASED}


def test_a_late_deletion_erases_nothing() -> None:
    """The deletion is older than the last deletion."""
    user = CommandedUser()
    user.apply(DELETE, event_at(10))
    user.state = user.state.with_membership("vip", _inside(20))

    assert user.remaining_after(DELETE, event_at(7)) is None
    assert user.state.memberships["vip"].inside


LATE: list[Intent] = [
    consent(given=True),
    consent(given=True, list_id="L"),
    ListAdd(list_id="L", profile=WHO),
    Suppression(change="suppress", email="a@b.co"),
    ProfileUpsert(profile=WHO),
    EventRecord(metric="Viewed", profile=WHO, properties={}),
]
IDS = ["subscription", "of-a-list", "add", "suppression", "upsert", "event"]


@pytest.mark.parametrize("is_applied_before", [True, False], ids=["replayed", "late"])
@pytest.mark.parametrize("intent", LATE, ids=IDS)
def test_what_came_before_a_deletion_does_not_come_back(
    intent: Intent, is_applied_before: bool
) -> None:
    """An older event would create a deleted profile anew; a newer event may."""
    user = CommandedUser()
    if is_applied_before:
        user.apply(intent, event_at(5))
    user.apply(DELETE, event_at(10))

    late = user.apply(intent, event_at(5))

    assert (late.intent, late.reason) == (None, "stale")
    assert user.remaining_after(intent, event_at(20)) == intent


def test_a_deletion_of_one_person_is_none_of_another() -> None:
    """Several people may share a device."""
    user = CommandedUser()
    user.apply(Deletion(identifiers={"email": "ann@b.co"}), event_at(10))
    ann = ListAdd(list_id="L", profile={"email": "ann@b.co"})
    bob = ListAdd(list_id="L", profile={"email": "bob@b.co"})

    assert user.remaining_after(ann, event_at(5)) is None
    assert user.remaining_after(bob, event_at(5)) == bob
