"""Contacts: addresses, numbers and ids, canonical or none."""

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from streams.events.contact import (
    EXTERNAL_ID_TOO_LONG,
    INVALID_EMAIL,
    INVALID_PHONE,
    BadPhonePolicy,
    Contact,
    ContactRules,
    InvalidContact,
    normalize_email,
    normalize_phone,
    read_contact,
)


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
