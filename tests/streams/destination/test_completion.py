"""Tests that intents name their person as completely as is safe."""

from functools import reduce
from typing import Any

import pytest

from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.destination.completion import complete_person, is_unknown_person, link_user
from streams.events.canonical_event import CanonicalEvent, Origin
from streams.state.identity import UNKNOWN, Identity, learn

NOW_MS = 100


def _identity(*emails: str) -> Identity:
    """Return the identity of the user `u1` after identify calls with addresses."""

    def learn_email(identity: Identity, numbered: tuple[int, str]) -> Identity:
        time_ms, email = numbered
        event = CanonicalEvent(
            kind="identify",
            user="u1",
            message_id="",
            time_ms=time_ms,
            origin=Origin(topic="in", partition=0, offset=time_ms),
            body={},
        )
        person = {"external_id": "u1", "email": email}
        return learn(identity, person, event, is_identify=True)

    return reduce(learn_email, enumerate(emails, 50), UNKNOWN)


ADA = _identity("ada@x.io")
MOVED = _identity("old@x.io", "new@x.io")
U1, BY_EMAIL = {"external_id": "u1"}, {"email": "ada@x.io"}
KNOWN = {"email": "ada@x.io", "external_id": "u1"}
CURRENT = {"email": "new@x.io", "external_id": "u1"}

CASES = [
    pytest.param(UNKNOWN, U1, U1, id="nothing known"),
    pytest.param(ADA, U1, KNOWN, id="by user id"),
    pytest.param(ADA, BY_EMAIL, KNOWN, id="by address"),
    pytest.param(ADA, KNOWN, KNOWN, id="complete"),
    pytest.param(ADA, {"email": "Ada@x.io"}, {**KNOWN, "email": "Ada@x.io"}, id="case"),
    pytest.param(ADA, {"external_id": "u2"}, {"external_id": "u2"}, id="another user"),
    pytest.param(ADA, {"email": "bob@x.io"}, {"email": "bob@x.io"}, id="a stranger"),
    pytest.param(
        ADA, {**U1, "email": "bob@x.io"}, {"email": "bob@x.io"}, id="a gift to a friend"
    ),
    pytest.param(MOVED, U1, CURRENT, id="after a change"),
    pytest.param(MOVED, {"email": "old@x.io"}, CURRENT, id="an old address"),
    pytest.param(MOVED, {**U1, "email": "old@x.io"}, CURRENT, id="from an old browser"),
]


def _profile_of(intent: Intent) -> dict[str, Any]:
    match intent:
        case EventRecord(profile=profile) | ListAdd(profile=profile):
            return profile
        case ListRemove(identifiers=identifiers):
            return identifiers
        case _:
            raise AssertionError(intent)


@pytest.mark.parametrize(("identity", "named", "expected"), CASES)
def test_events_and_list_adds_are_completed(
    identity: Identity, named: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The address stands first, and other attributes stay."""
    profile = {**named, "first_name": "Ada"}
    record = EventRecord(metric="Viewed", profile=profile, properties={})
    add = ListAdd(list_id="L", profile=profile)

    for intent in (record, add):
        completed = complete_person(intent, identity, time_ms=NOW_MS)
        assert _profile_of(completed) == {**expected, "first_name": "Ada"}


@pytest.mark.parametrize(("identity", "named", "expected"), CASES)
def test_list_removals_keep_the_user_id(
    identity: Identity, named: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A removal by user id rewrites nobody, so a gift's address needs no care."""
    removal = ListRemove(list_id="L", identifiers=named)

    completed = complete_person(removal, identity, time_ms=NOW_MS)

    is_gift = named.get("email") == "bob@x.io" and "external_id" in named
    assert _profile_of(completed) == (named if is_gift else expected)


def test_an_update_with_a_new_address_is_left_alone() -> None:
    """Upserts are how an address changes."""
    upsert = ProfileUpsert(profile={**U1, "email": "bob@x.io"})

    assert complete_person(upsert, ADA, time_ms=NOW_MS) == upsert


def test_a_late_event_brings_no_old_address_back() -> None:
    """An address older than the first known one is a previous one."""
    late = ListAdd(list_id="L", profile={**U1, "email": "older@x.io"})

    completed = complete_person(late, ADA, time_ms=10)

    assert _profile_of(completed) == KNOWN


@pytest.mark.parametrize(
    ("profile", "dropped"),
    [
        pytest.param({"phone_number": "+1"}, (), id="the only identifier"),
        pytest.param({**U1, "phone_number": "+1"}, ("phone-left-out",), id="user id"),
        pytest.param(
            {"email": "bob@x.io", "phone_number": "+1"}, ("phone-left-out",), id="email"
        ),
        pytest.param(
            {"id": "01H", "phone_number": "+1"}, ("phone-left-out",), id="profile id"
        ),
        pytest.param(
            {"anonymous_id": "a", "phone_number": "+1"}, (), id="a weaker one"
        ),
    ],
)
def test_a_phone_is_left_off_events_beside_a_stronger_identifier(
    profile: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    """An event could give a stranger with that number the person's address."""
    record = EventRecord(metric="Viewed", profile=profile, properties={})

    completed = complete_person(record, UNKNOWN, time_ms=NOW_MS)

    assert ("phone_number" in _profile_of(completed)) is not bool(dropped)
    assert completed.dropped == dropped


def test_deletions_are_left_alone() -> None:
    """A deletion deletes whom it names, and nobody else."""
    deletion = Deletion(identifiers=U1)

    assert complete_person(deletion, ADA, time_ms=NOW_MS) is deletion


def _consent(email: str, consent: Consent = Consent.SUBSCRIBED) -> ConsentChange:
    channels = ("email.marketing",)
    return ConsentChange(consent=consent, profile={"email": email}, channels=channels)


@pytest.mark.parametrize(
    ("change", "external_id"),
    [
        pytest.param(_consent("ada@x.io"), "u1", id="own address"),
        pytest.param(_consent("Ada@x.io"), "u1", id="in another case"),
        pytest.param(_consent("bob@x.io"), "", id="a friend's address"),
        pytest.param(_consent("ada@x.io", Consent.UNSUBSCRIBED), "", id="a withdrawal"),
    ],
)
def test_a_subscription_names_the_user_of_its_address(
    change: ConsentChange, external_id: str
) -> None:
    """The user's profile gets the address before the address is subscribed."""
    linked = link_user(change, ADA)

    assert isinstance(linked, ConsentChange)
    assert linked.external_id == external_id


@pytest.mark.parametrize(
    ("profile", "is_unknown"),
    [
        pytest.param(U1, True, id="user id"),
        pytest.param({"anonymous_id": "a"}, True, id="device"),
        pytest.param(KNOWN, False, id="address"),
        pytest.param({"phone_number": "+1"}, False, id="phone"),
        pytest.param({"id": "01H"}, False, id="profile id"),
    ],
)
def test_an_event_by_user_id_alone_is_of_an_unknown_person(
    profile: dict[str, Any], *, is_unknown: bool
) -> None:
    """Klaviyo would keep a profile that nobody can write to."""
    record = EventRecord(metric="Viewed", profile=profile, properties={})

    assert is_unknown_person(record) is is_unknown
