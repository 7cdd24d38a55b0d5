"""Tests of the identifiers by which an event names a Klaviyo profile."""

from functools import partial
from typing import Any

import pytest

from streams.events.canonical_event import CanonicalEvent, EventKind, Origin
from streams.events.contact import normalize_phone
from streams.events.identifiers import identifiers_of

ORIGIN = Origin(topic="segment-events", partition=0, offset=0)


def event(body: dict[str, Any], *, kind: EventKind = "identify") -> CanonicalEvent:
    """Build an event with a body alone."""
    return CanonicalEvent(
        kind=kind, user="u", message_id="", time_ms=0, origin=ORIGIN, body=body
    )


def identifiers(
    body: dict[str, Any], *, kind: EventKind = "identify", country: str = ""
) -> dict[str, str]:
    """Return the identifiers of an event with phone numbers of a country."""
    normalize = partial(normalize_phone, country=country)
    return identifiers_of(event(body, kind=kind), normalize_phone=normalize)


@pytest.mark.parametrize(
    ("body", "profile"),
    [
        pytest.param({}, {}, id="nothing-said"),
        pytest.param({"userId": "u"}, {"external_id": "u"}, id="user-id"),
        pytest.param({"userId": 42}, {"external_id": "42"}, id="user-id-a-number"),
        pytest.param(
            {"userId": "x" * 255}, {"external_id": "x" * 255}, id="user-id-255"
        ),
        pytest.param({"userId": "x" * 256}, {}, id="user-id-256-names-no-profile"),
        pytest.param({"anonymousId": "a"}, {}, id="anonymous-id-names-no-profile"),
        pytest.param(
            {"traits": {"email": "Jane+News@B.co"}},
            {"email": "jane+news@b.co"},
            id="email-in-lower-case",
        ),
        pytest.param(
            {"traits": {"email": "o'brien@exämple.com"}},
            {"email": "o'brien@exämple.com"},
            id="email-apostrophe-and-umlaut",
        ),
        pytest.param({"traits": {"email": "a@b@c"}}, {}, id="email-two-ats"),
        pytest.param({"traits": {"email": "a b@c.co"}}, {}, id="email-with-space"),
        pytest.param({"traits": {"email": "@b.co"}}, {}, id="email-no-name"),
        pytest.param({"traits": {"email": 7}}, {}, id="email-a-number"),
        pytest.param(
            {"traits": {"email": "a" * 249 + "@b.co"}},
            {"email": "a" * 249 + "@b.co"},
            id="email-254",
        ),
        pytest.param(
            {"traits": {"email": "a" * 250 + "@b.co"}}, {}, id="email-255-is-dropped"
        ),
        pytest.param(
            {"traits": {"email": "nope"}, "context": {"traits": {"email": "a@b.co"}}},
            {"email": "a@b.co"},
            id="email-from-context-when-traits-have-none",
        ),
        pytest.param(
            {"properties": {"email": "a@b.co", "phone": "+14155550132"}},
            {"email": "a@b.co", "phone_number": "+14155550132"},
            id="contacts-from-properties",
        ),
        pytest.param(
            {"traits": {"phone_number": "+4915123456789"}},
            {"phone_number": "+4915123456789"},
            id="phone-e164",
        ),
        pytest.param({"traits": {"phone": "415-555-0132"}}, {}, id="phone-national"),
        pytest.param({"traits": {"phone": 14155550132}}, {}, id="phone-a-number"),
        pytest.param({"traits": {"phone": "+123456"}}, {}, id="phone-too-short"),
        pytest.param(
            {"traits": {"email": " ", "phone": ""}}, {}, id="empty-text-is-absent"
        ),
        pytest.param(
            {"traits": {"firstName": "Zoë", "plan": "pro"}}, {}, id="no-attributes"
        ),
    ],
)
def test_an_identify_call_names_a_profile(
    body: dict[str, Any], profile: dict[str, Any]
) -> None:
    """Invalid identifiers are left out; the others get Klaviyo's names."""
    assert identifiers(body) == profile


@pytest.mark.parametrize(
    ("phone", "country", "read"),
    [
        pytest.param("415-555-0132", "US", "+14155550132", id="national-of-a-country"),
        pytest.param("+14155550132", "DE", "+14155550132", id="e164-whatever-country"),
        pytest.param("12", "US", "", id="no-number-there"),
    ],
)
def test_a_phone_number_is_read_as_it_is_told_to(
    phone: str, country: str, read: str
) -> None:
    """A destination may set the country of national numbers."""
    profile = identifiers({"traits": {"phone": phone}}, country=country)

    assert profile == ({"phone_number": read} if read else {})


def test_the_second_phone_number_counts_where_the_first_is_none() -> None:
    """`phone` before `phone_number`, traits before context."""
    body = {"traits": {"phone": "12", "phone_number": "+4915123456789"}}

    assert identifiers(body) == {"phone_number": "+4915123456789"}


def test_a_group_call_gives_the_group_no_person() -> None:
    """The traits of a group call are those of the company, not of the user."""
    body = {"userId": "u", "traits": {"email": "office@acme.co", "title": "Acme"}}

    assert identifiers(body, kind="group") == {"external_id": "u"}
