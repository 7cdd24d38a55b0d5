"""Tests of the identifiers of a person, and of the contacts that Klaviyo accepts."""

from typing import Any

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from streams.events.canonical_event import CanonicalEvent, EventKind, Origin
from streams.events.identifiers import (
    EXTERNAL_ID_TOO_LONG,
    INVALID_EMAIL,
    INVALID_PHONE,
    BadPhonePolicy,
    Contact,
    ContactRules,
    InvalidContact,
    identifiers_of,
    normalize_email,
    read_contact,
    user_key_of,
)
from streams.events.phone_numbers import normalize_phone

LONGEST_EMAIL = "a" * 64 + "@" + "b.example." * 18 + "bbbbb.com"
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
    return identifiers_of(event(body, kind=kind), country=country)


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
            {"traits": {"email": LONGEST_EMAIL}},
            {"email": LONGEST_EMAIL},
            id="email-254",
        ),
        pytest.param(
            {"traits": {"email": f"{LONGEST_EMAIL}m"}}, {}, id="email-255-is-dropped"
        ),
        pytest.param(
            {"traits": {"email": "a" * 65 + "@b.co"}}, {}, id="email-with-long-name"
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


@pytest.mark.parametrize(
    ("text", "email"),
    [
        pytest.param(
            "Jane.Doe+News@Example.COM", "Jane.Doe+News@example.com", id="case"
        ),
        pytest.param("o'brien@x.co", "o'brien@x.co", id="apostrophe"),
        pytest.param("zoë@Example.com", "zoë@example.com", id="international"),
        pytest.param("x@BÜCHER.de", "x@bücher.de", id="international-domain"),
        pytest.param("x@xn--bcher-kva.de", "x@bücher.de", id="punycode"),
        pytest.param("root@localhost", "", id="no-domain"),
        pytest.param("nope", "", id="no-at"),
        pytest.param("@", "", id="only-at"),
        pytest.param("a..b@c.co", "", id="two-dots"),
        pytest.param("a b@c.co", "", id="blank"),
        pytest.param("a@1.2", "", id="number-as-top-level"),
        pytest.param(f"{'a' * 65}@c.co", "", id="long-local-part"),
        pytest.param(f"{'a' * 64}@{'b' * 200}.co", "", id="too-long"),
    ],
)
def test_an_address_is_canonical_or_none(text: str, email: str) -> None:
    """The domain of an address is in lower case."""
    assert normalize_email(text) == email


@pytest.mark.parametrize(
    ("text", "country", "phone"),
    [
        pytest.param("+14155550132", "", "+14155550132", id="e164"),
        pytest.param("+1 (415) 555-0132", "", "+14155550132", id="international"),
        pytest.param("(415) 555-0132", "US", "+14155550132", id="national"),
        pytest.param("020 7946 0958", "gb", "+442079460958", id="lower-case-country"),
        pytest.param("07400123456", "US", "", id="of-another-country"),
        pytest.param("415-555-0132", "", "", id="national-without-country"),
        pytest.param("4155550132", "XX", "", id="no-such-country"),
        pytest.param("123", "US", "", id="too-short"),
        pytest.param("+12", "", "", id="too-short-with-plus"),
        pytest.param("call me", "US", "", id="words"),
    ],
)
def test_a_number_is_e164_or_none(text: str, country: str, phone: str) -> None:
    """A national number is parsed by the rules of the country."""
    assert normalize_phone(text, country=country) == phone


@pytest.mark.parametrize(
    ("attributes", "read"),
    [
        pytest.param({}, Contact(identifiers={}), id="nothing"),
        pytest.param(
            {"email": "", "external_id": "u"},
            Contact(identifiers={"external_id": "u"}),
            id="empty-is-absent",
        ),
        pytest.param(
            {"email": "nope", "external_id": "u"}, INVALID_EMAIL, id="bad-email"
        ),
        pytest.param({"external_id": "u" * 256}, EXTERNAL_ID_TOO_LONG, id="id-of-256"),
        pytest.param({"phone_number": "1"}, INVALID_PHONE, id="bad-phone-alone"),
        pytest.param(
            {"phone_number": "1", "external_id": "u"},
            INVALID_PHONE,
            id="bad-phone-and-id",
        ),
        pytest.param(
            {"phone_number": "1", "email": "a@b.co"},
            Contact(identifiers={"email": "a@b.co"}, dropped=("bad-phone",)),
            id="bad-phone-beside-email",
        ),
    ],
)
def test_a_contact_is_read_or_says_why_not(
    attributes: dict[str, str], read: Contact | InvalidContact
) -> None:
    """A bad phone beside a good email is dropped and recorded."""
    assert read_contact(attributes) == read


def test_the_rules_can_refuse_a_bad_phone_and_know_a_country() -> None:
    """The operator chooses both in the destination file."""
    rules = ContactRules(country="US", bad_phone=BadPhonePolicy.REFUSE)
    email = {"email": "a@b.co"}

    good = read_contact({**email, "phone_number": "415 555 0132"}, rules=rules)
    bad = read_contact({**email, "phone_number": "12"}, rules=rules)

    assert good == Contact(identifiers={**email, "phone_number": "+14155550132"})
    assert bad == INVALID_PHONE


@given(
    st.from_regex(
        r"[A-Za-z0-9_+'.=-]{1,20}@[A-Za-z0-9-]{1,40}(\.[A-Za-z0-9-]{1,6}){0,2}",
        fullmatch=True,
    )
)
def test_what_the_quick_way_takes_the_library_takes(text: str) -> None:
    """The quick check accepts no more than the library."""
    email = normalize_email(text)

    if email and not email.endswith((".arpa", ".test", ".local", ".onion")):
        validate_email(text, check_deliverability=False, globally_deliverable=False)


@given(st.text(max_size=40), st.text(max_size=3))
def test_no_text_breaks_the_reading(text: str, country: str) -> None:
    """Any text results in a contact or in an empty string."""
    assert "@" in normalize_email(text) or normalize_email(text) == ""
    assert normalize_phone(text, country=country)[:1] in {"", "+"}


ROW = {"type": "track", "event": "updated", "__segment_id": "7"}
VIPS = {"computation_class": "audience", "computation_key": "vips"}
PEOPLE = {"row": {"model": "people"}}
WITH_EMAIL = {"traits": {"email": "ada@example.com"}}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"userId": "u-1", "context": PEOPLE}, "u-1", id="user-id"),
        pytest.param({"anonymousId": "a-1"}, "a-1", id="anonymous-id"),
        pytest.param({"context": PEOPLE}, "people/7", id="key"),
        pytest.param({"context": PEOPLE | WITH_EMAIL}, "people/7", id="before-email"),
        pytest.param({"properties": {"email": "b@c.de"}}, "row/7", id="no-model"),
        pytest.param(
            {"context": WITH_EMAIL}, "ada@example.com", id="no-model-but-email"
        ),
        pytest.param(
            {"context": WITH_EMAIL | {"personas": VIPS}}, "vips/7", id="audience"
        ),
        pytest.param({"event": "x", "context": WITH_EMAIL}, "ada@example.com", id="no"),
    ],
)
def test_the_user_key_of_a_row_is_that_of_its_model(
    body: dict[str, Any], expected: str
) -> None:
    """An address changes, and a deleted row has none; two models share keys."""
    assert user_key_of(ROW | body, kind="track") == expected
