"""Tests of the traits of an identify call: each is sent, or named in the outcome."""

from typing import Any

import pytest

from streams.actions.definitions.upsert_profile import STANDARD_TRAITS
from streams.actions.intents import ListAdd, PayloadRefusal, ProfileUpsert
from streams.actions.registry import ACTIONS
from streams.mapping import compile_mapping

CLEARED = dict.fromkeys(
    ("address1", "address2", "city", "country", "region", "zip"), None
)


def upserted(traits: object) -> ProfileUpsert:
    """Return the upsert of an identify call with the default mapping."""
    spec = ACTIONS["upsertProfile"]
    body = {"type": "identify", "userId": "u", "traits": traits}
    result = spec.to_intents(compile_mapping(spec.default_mapping)(body))
    assert not isinstance(result, PayloadRefusal), result
    (upsert,) = result
    assert isinstance(upsert, ProfileUpsert)
    return upsert


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        pytest.param({"phone": "+14155550132"}, {"phone_number": "+14155550132"}),
        pytest.param(
            {"phone_number": "+14155550132"},
            {"phone_number": "+14155550132"},
            id="phone-number",
        ),
        pytest.param(
            {"phone": "", "phone_number": "+14155550132"},
            {"phone_number": "+14155550132"},
            id="empty-phone-beside-phone-number",
        ),
        pytest.param(
            {"phone": "+14155550132", "phone_number": "+14155550133"},
            {"phone_number": "+14155550132"},
            id="both-phones",
        ),
        pytest.param({"company": "Acme"}, {"organization": "Acme"}, id="company"),
        pytest.param(
            {"company": "A", "organization": "B"}, {"organization": "B"}, id="both"
        ),
        pytest.param(
            {"company": {"name": "Acme"}}, {"organization": "Acme"}, id="company-name"
        ),
        pytest.param({"organization": "A"}, {"organization": "A"}, id="organization"),
        pytest.param(
            {"organization": {"name": "A"}}, {"organization": "A"}, id="its-name"
        ),
        pytest.param(
            {"company": False, "organization": "A"},
            {"organization": "A"},
            id="organization-beside-false",
        ),
        pytest.param(
            {"firstName": "A", "last_name": "B", "title": "C", "avatar": "D"},
            {"first_name": "A", "last_name": "B", "title": "C", "image": "D"},
            id="names",
        ),
        pytest.param(
            {"gender": "f", "birthday": "1990-01-01", "name": "A B", "age": 0},
            {
                "properties": {
                    "gender": "f",
                    "birthday": "1990-01-01",
                    "name": "A B",
                    "age": 0,
                }
            },
            id="custom-properties",
        ),
    ],
)
def test_a_trait_reaches_its_attribute(
    traits: dict[str, Any], attributes: dict[str, Any]
) -> None:
    """Every trait is in the profile, and no code says otherwise."""
    upsert = upserted(traits)

    assert upsert == ProfileUpsert(profile={"external_id": "u", **attributes})


@pytest.mark.parametrize(
    ("traits", "location"),
    [
        pytest.param({"address": "1 Main St"}, {"address1": "1 Main St"}, id="text"),
        pytest.param(
            {"address": "1 Main St", "address2": "Apt 4"},
            {"address1": "1 Main St", "address2": "Apt 4"},
            id="text-with-a-second-line",
        ),
        pytest.param(
            {"address": {"street": "1 Main St", "street2": "Apt 4"}},
            {"address1": "1 Main St", "address2": "Apt 4"},
            id="street2",
        ),
        pytest.param(
            {"address": {"line1": "1 Main St", "line2": "Apt 4"}},
            {"address1": "1 Main St", "address2": "Apt 4"},
            id="line2",
        ),
        pytest.param(
            {"address": {"address1": "1 Main St", "address2": "Apt 4"}},
            {"address1": "1 Main St", "address2": "Apt 4"},
            id="klaviyos-names",
        ),
        pytest.param(
            {"address": {"street": "1 Main St"}, "address2": "Apt 4"},
            {"address1": "1 Main St", "address2": "Apt 4"},
            id="second-line-beside-the-object",
        ),
        pytest.param({"address": {"zip": 1010}}, {"zip": "1010"}, id="zip"),
        pytest.param(
            {"address": {"postalCode": "1010"}}, {"zip": "1010"}, id="postalCode"
        ),
        pytest.param(
            {"address": {"postal_code": "1010", "zip": ""}},
            {"zip": "1010"},
            id="postal_code",
        ),
        pytest.param({"address": {"state": "CA"}}, {"region": "CA"}, id="state"),
        pytest.param({"address": {"region": "CA"}}, {"region": "CA"}, id="region"),
        pytest.param(
            {"address": {"city": "Wien", "country": "AT"}},
            {"city": "Wien", "country": "AT"},
            id="city-and-country",
        ),
    ],
)
@pytest.mark.parametrize("action", ["upsertProfile", "addProfileToList"])
def test_an_address_reaches_the_location(
    action: str, traits: dict[str, Any], location: dict[str, Any]
) -> None:
    """Text or object, in each spelling."""
    spec = ACTIONS[action]
    event = {"userId": "u", "traits": traits, "properties": traits}
    payload = compile_mapping(spec.default_mapping)(event)

    result = spec.to_intents({**payload, "list_id": "L", "properties": None})

    assert not isinstance(result, PayloadRefusal)
    (intent,) = result
    assert isinstance(intent, ProfileUpsert | ListAdd)
    assert intent.profile == {"external_id": "u", "location": location}
    assert intent.dropped == ()


@pytest.mark.parametrize(
    ("traits", "attributes"),
    [
        pytest.param({"firstName": None}, {"first_name": None}, id="firstName"),
        pytest.param({"last_name": None}, {"last_name": None}, id="last_name"),
        pytest.param({"company": None}, {"organization": None}, id="company"),
        pytest.param({"title": None}, {"title": None}, id="title"),
        pytest.param({"avatar": None}, {"image": None}, id="avatar"),
        pytest.param({"address": None}, {"location": CLEARED}, id="address"),
        pytest.param(
            {"address": {"city": None, "zip": "1010"}},
            {"location": {"city": None, "zip": "1010"}},
            id="city",
        ),
        pytest.param(
            {"address": {"state": None, "region": "CA"}},
            {"location": {"region": "CA"}},
            id="region-beside-null",
        ),
        pytest.param(
            {"firstName": None, "first_name": "A"},
            {"first_name": "A"},
            id="another-spelling-has-it",
        ),
        pytest.param({"email": None, "phone": None}, {}, id="identifiers-are-kept"),
        pytest.param(None, {}, id="no-traits"),
    ],
)
def test_null_clears_a_standard_attribute(
    traits: object, attributes: dict[str, Any]
) -> None:
    """Only a trait that is null itself clears; absent traits clear nothing."""
    upsert = upserted(traits)

    assert upsert == ProfileUpsert(profile={"external_id": "u", **attributes})


@pytest.mark.parametrize(
    ("traits", "dropped"),
    [
        pytest.param({"address": 7}, ("bad-location",), id="address-number"),
        pytest.param({"address": ["x"]}, ("bad-location",), id="address-list"),
        pytest.param(
            {"address": {"planet": "Earth"}}, ("bad-location-member",), id="member"
        ),
        pytest.param({"address": {"city": {}}}, ("bad-location",), id="city"),
        pytest.param({"company": ["Acme"]}, ("bad-organization",), id="company-list"),
        pytest.param(
            {"company": {"name": "Acme", "industry": "x"}},
            ("trait-company",),
            id="company-details",
        ),
        pytest.param({"title": False}, ("bad-title",), id="false"),
    ],
)
def test_what_is_left_out_is_named(
    traits: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    """The outcome tells that a trait, or a part of it, was not sent."""
    assert upserted(traits).dropped == dropped


@pytest.mark.parametrize("trait", STANDARD_TRAITS)
def test_a_standard_trait_is_mapped_or_named(trait: str) -> None:
    """A trait is no custom property, so the default mapping sends it."""
    value = {"email": "a@b.co", "phone": "+14155550132"}.get(
        trait.removesuffix("_number"), "x"
    )

    upsert = upserted({trait: value})
    unmapped = ACTIONS["upsertProfile"].to_intents(
        {"external_id": "u", "custom_traits": {trait: value}}
    )

    assert (len(upsert.profile), upsert.dropped) == (2, ())
    assert unmapped == (
        ProfileUpsert(
            profile={"external_id": "u"},
            dropped=(f"trait-{trait.replace('_', '-')}",),
        ),
    )
