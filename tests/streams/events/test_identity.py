"""An event names its user and makes a Klaviyo profile."""

from typing import Any

import pytest

from streams.events.identity import profile_of
from streams.events.model import CanonicalEvent, Kind
from streams.events.origin import Origin

ORIGIN = Origin(topic="segment-events", partition=0, offset=0)


def event(body: dict[str, Any], *, kind: Kind = "identify") -> CanonicalEvent:
    """Make an event of the body alone."""
    return CanonicalEvent(
        kind=kind, user="u", message_id="", time_ms=0, origin=ORIGIN, body=body
    )


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
            {"traits": {"firstName": "Zoë", "last_name": "Doe", "avatar": "http://i"}},
            {"first_name": "Zoë", "last_name": "Doe", "image": "http://i"},
            id="names-in-both-spellings",
        ),
        pytest.param(
            {"traits": {"firstName": "", "lastName": " ", "title": None}},
            {},
            id="empty-text-is-absent",
        ),
        pytest.param(
            {"traits": {"firstName": "A"}, "context": {"traits": {"firstName": "B"}}},
            {"first_name": "A"},
            id="traits-before-context",
        ),
        pytest.param(
            {"traits": {"company": {"name": "Acme"}}},
            {"organization": "Acme"},
            id="organization-from-company",
        ),
        pytest.param(
            {"traits": {"organization": "Beta", "company": {"name": "Acme"}}},
            {"organization": "Beta"},
            id="organization-first",
        ),
        pytest.param(
            {"traits": {"address": {"street": "1 Rd", "state": "CA", "zip": 94103}}},
            {"location": {"address1": "1 Rd", "region": "CA", "zip": "94103"}},
            id="location",
        ),
        pytest.param({"traits": {"address": "1 Rd"}}, {}, id="address-as-text"),
        pytest.param(
            {"traits": {"plan": "pro", "nested": {"a": [1, None]}, "off": None}},
            {"properties": {"plan": "pro", "nested": {"a": [1, None]}, "off": None}},
            id="custom-traits-as-given",
        ),
        pytest.param(
            {
                "traits": {"vip": True, "plan": "pro"},
                "context": {"personas": {"computation_key": "vip"}},
            },
            {"properties": {"plan": "pro"}},
            id="the-flag-of-an-audience-is-no-property",
        ),
        pytest.param(
            {
                "traits": {"score": 7},
                "context": {"personas": {"computation_key": "score"}},
            },
            {"properties": {"score": 7}},
            id="a-computed-trait-is-a-property",
        ),
    ],
)
def test_an_identify_call_makes_a_profile(
    body: dict[str, Any], profile: dict[str, Any]
) -> None:
    """What cannot be right is left out; the rest takes Klaviyo's names."""
    assert profile_of(event(body)) == profile


def test_a_track_call_brings_no_custom_traits() -> None:
    """The traits of another call are context; only identify sets them."""
    body = {"context": {"traits": {"plan": "pro", "firstName": "Jane"}}}

    assert profile_of(event(body, kind="track")) == {"first_name": "Jane"}


def test_a_group_call_gives_the_group_no_person() -> None:
    """Its traits are the company's: a company's address is not the user's."""
    body = {"userId": "u", "traits": {"email": "office@acme.co", "title": "Acme"}}

    assert profile_of(event(body, kind="group")) == {"external_id": "u"}
