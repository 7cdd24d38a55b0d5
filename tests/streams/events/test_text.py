"""Tests that what nobody sees in a text changes nothing."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.actions.definitions.upsert_profile import UPSERT_PROFILE
from streams.actions.intents import ProfileUpsert
from streams.events.identifiers import normalize_email, plausible_email
from streams.events.phone_numbers import normalize_phone
from streams.events.text import encode_without_half_pairs, repair_json, trim

AROUND = [
    " ",
    "\t",
    "\n",
    "\u00a0",
    "\u200b",
    "\u200f",
    "\u2060",
    "\ufeff",
    "\u00ad",
    "\x1f",
]


@pytest.mark.parametrize("character", AROUND, ids=[f"U+{ord(c):04X}" for c in AROUND])
def test_invisible_characters_round_identifiers_do_not_count(character: str) -> None:
    """The same identifier is found on every path that reads one."""
    email, phone = f"{character}ada@x.io{character}", f"{character}+12025550101"
    payload = {
        "email": email,
        "phone_number": phone,
        "external_id": f"{character}u1{character}",
    }

    intents = UPSERT_PROFILE.to_intents(payload)

    assert isinstance(intents, tuple)
    [upsert] = intents
    assert isinstance(upsert, ProfileUpsert)
    assert plausible_email(email) == normalize_email(email) == "ada@x.io"
    assert normalize_phone(phone) == "+12025550101"
    assert upsert.profile == {
        "email": "ada@x.io",
        "phone_number": "+12025550101",
        "external_id": "u1",
    }


@pytest.mark.parametrize("character", AROUND[3:])
def test_invisible_characters_inside_an_address_make_it_invalid(character: str) -> None:
    """The address without it may be the wrong one."""
    assert normalize_email(f"ada{character}b@x.io") == ""


@pytest.mark.parametrize(
    "phone",
    [
        "+10000000000",
        "+1234567",
        "+999123456789",
        "+12",
        "+120255501011234",
        "+33000000000",
    ],
)
def test_a_number_that_no_country_has_is_none(phone: str) -> None:
    """The shape of E.164 does not make a number."""
    assert normalize_phone(phone) == ""


@given(st.text())
def test_trimming_twice_changes_nothing(text: str) -> None:
    """The result begins and ends with something visible."""
    assert trim(trim(text)) == trim(text)


@given(st.text(st.characters(exclude_categories=())))
def test_halves_of_pairs_become_replacement_characters(text: str) -> None:
    """Every text can be written, and whole characters stay."""
    written = encode_without_half_pairs(text).decode()

    assert not any("\ud800" <= character <= "\udfff" for character in written)
    if text.isascii():
        assert written == text


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(rb'"\ud83d"', "\ufffd", id="first-half"),
        pytest.param(rb'"\ude00"', "\ufffd", id="second-half"),
        pytest.param(rb'"\ud83d\ude00"', "\U0001f600", id="pair"),
        pytest.param(rb'"\\ud83d"', "\\ud83d", id="escaped-backslash"),
        pytest.param(rb'{"\ud83d": ["\ude00"]}', {"\ufffd": ["\ufffd"]}, id="nested"),
    ],
)
def test_json_is_repaired(raw: bytes, value: object) -> None:
    """Only the halves are replaced."""
    assert orjson.loads(repair_json(raw)) == value


@pytest.mark.parametrize("raw", [b"NaN", b"[Infinity]", b"{", b"nope"])
def test_json_with_another_fault_is_not_repaired(raw: bytes) -> None:
    """The record keeps the fault that orjson found."""
    with pytest.raises(ValueError, match=r".+"):
        repair_json(raw)
