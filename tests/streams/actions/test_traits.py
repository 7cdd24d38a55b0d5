"""Tests that no trait of a person vanishes on its way to the profile."""

from typing import Any

import pytest

from streams.actions.intents import ProfileUpsert
from streams.destination.loader import compile_destination

PRESETS = compile_destination(None)
LINE = "1 High Street"


def _profile(traits: dict[str, Any]) -> dict[str, Any]:
    """Return the profile that an identify call with these traits makes."""
    event = {"type": "identify", "userId": "u1", "traits": traits}
    [result] = PRESETS.map_event(event)
    assert isinstance(result.result, tuple)
    [upsert] = result.result
    assert isinstance(upsert, ProfileUpsert)
    return {k: value for k, value in upsert.profile.items() if k != "external_id"}


@pytest.mark.parametrize(
    ("traits", "profile"),
    [
        pytest.param({"company": "Acme"}, {"organization": "Acme"}, id="company"),
        pytest.param(
            {"company": {"name": "Acme"}}, {"organization": "Acme"}, id="company-object"
        ),
        pytest.param(
            {"company": "A", "organization": "B"}, {"organization": "B"}, id="both"
        ),
        pytest.param(
            {"phone_number": "+12025550101"},
            {"phone_number": "+12025550101"},
            id="phone_number",
        ),
        pytest.param(
            {"phone": "+12025550101", "phone_number": "+12025550102"},
            {"phone_number": "+12025550101"},
            id="both-phones",
        ),
        pytest.param({"address": LINE}, {"location": {"address1": LINE}}, id="address"),
        pytest.param(
            {"address": {"street": LINE, "street2": "Flat 2"}},
            {"location": {"address1": LINE, "address2": "Flat 2"}},
            id="second-line",
        ),
        pytest.param(
            {"address": {"address1": LINE, "address2": "Flat 2"}},
            {"location": {"address1": LINE, "address2": "Flat 2"}},
            id="klaviyos-names",
        ),
        pytest.param(
            {"address": {"zip": "02110", "region": "MA"}},
            {"location": {"zip": "02110", "region": "MA"}},
            id="zip-and-region",
        ),
        pytest.param(
            {"birthday": "1990-01-01", "gender": "f"},
            {"properties": {"birthday": "1990-01-01", "gender": "f"}},
            id="without-an-attribute",
        ),
    ],
)
def test_a_trait_becomes_an_attribute_or_a_property(
    traits: dict[str, Any], profile: dict[str, Any]
) -> None:
    """Each case is a form in which people send the trait."""
    assert _profile(traits) == profile
