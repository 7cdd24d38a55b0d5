"""Tests of false, 0 and objects where an action needs text."""

from typing import Any

import pytest

from streams.actions.intents import (
    EventRecord,
    Intent,
    ListAdd,
    PayloadRefusal,
    ProfileUpsert,
)
from streams.actions.registry import ACTIONS
from streams.mapping import compile_mapping

EMAIL = {"email": "a@b.co"}
EVENT = {"metric_name": "M", "properties": {}}


def acted(action: str, payload: dict[str, Any]) -> Intent:
    """Return the first intent of a payload."""
    result = ACTIONS[action].to_intents(payload)
    assert not isinstance(result, PayloadRefusal), result
    return result[0]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        pytest.param("first_name", False, "bad-first-name", id="false"),
        pytest.param("first_name", True, "bad-first-name", id="true"),
        pytest.param("last_name", 0, "bad-last-name", id="zero"),
        pytest.param("title", 0.0, "bad-title", id="zero-as-a-fraction"),
        pytest.param("organization", {}, "bad-organization", id="empty-object"),
        pytest.param("image", {"url": "x"}, "bad-image", id="object"),
        pytest.param("locale", ["en"], "bad-locale", id="list"),
        pytest.param("external_id", 0, "bad-external-id", id="external-id"),
        pytest.param("phone_number", False, "bad-phone", id="phone"),
        pytest.param("location", {"city": []}, "bad-location", id="city"),
        pytest.param("location", {"zip": 0}, "bad-location", id="postal-code"),
        pytest.param("location", 7, "bad-location", id="address"),
        pytest.param("properties", "none", "bad-properties", id="properties"),
        pytest.param("list_id", False, "bad-list-id", id="list-id"),
        pytest.param("override_list_id", {}, "bad-override-list-id", id="event-list"),
    ],
)
def test_what_is_not_text_is_left_out_and_recorded(
    field: str, value: object, code: str
) -> None:
    """The rest of the profile is updated, and the outcome names what is missing."""
    upsert = acted("upsertProfile", {**EMAIL, field: value})

    assert isinstance(upsert, ProfileUpsert)
    profile = {name: value for name, value in upsert.profile.items() if value}
    assert (profile, upsert.list_id, upsert.dropped) == (EMAIL, "", (code,))


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        pytest.param("email", False, "bad-email", id="email"),
        pytest.param("phone_number", {}, "bad-phone", id="phone"),
        pytest.param("anonymous_id", 0, "bad-anonymous-id", id="anonymous-id"),
        pytest.param("first_name", True, "bad-first-name", id="name"),
        pytest.param("country_code", [], "bad-country-code", id="country"),
    ],
)
def test_an_events_person_loses_only_what_is_not_text(
    name: str, value: object, code: str
) -> None:
    """The event is recorded for the person that the other identifiers name."""
    profile = {"external_id": "u", name: value}

    record = acted("trackEvent", {**EVENT, "profile": profile})

    assert isinstance(record, EventRecord)
    assert (record.profile, record.dropped) == ({"external_id": "u"}, (code,))


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        pytest.param("upsertProfile", {"email": False}, "no-identifier", id="upsert"),
        pytest.param(
            "addProfileToList",
            {**EMAIL, "list_id": False},
            "missing-field",
            id="add-without-a-list",
        ),
        pytest.param(
            "removeProfileFromList",
            {**EMAIL, "list_id": {}},
            "missing-field",
            id="remove-without-a-list",
        ),
        pytest.param(
            "subscribeProfile", {**EMAIL, "list_id": 0}, "bad-field", id="subscribe"
        ),
        pytest.param(
            "unsubscribeProfile",
            {**EMAIL, "list_id": False},
            "bad-field",
            id="unsubscribe-would-be-global",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "profile": {"email": 0}},
            "no-identifier",
            id="event-of-nobody",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "metric_name": True, "profile": EMAIL},
            "bad-field",
            id="metric-name",
        ),
        pytest.param("deleteProfile", {"email": {}}, "no-identifier", id="deletion"),
        pytest.param(
            "suppressProfile", {"email": 0}, "no-identifier", id="suppression"
        ),
    ],
)
def test_what_an_action_cannot_do_without_is_a_fault(
    action: str, payload: dict[str, Any], code: str
) -> None:
    """The payload is a dead letter, even where a stranger would be discarded."""
    refusal = ACTIONS[action].to_intents(payload)

    assert isinstance(refusal, PayloadRefusal)
    assert (refusal.code, refusal.is_noop) == (code, False)


@pytest.mark.parametrize(
    ("integrations", "list_id", "dropped"),
    [
        pytest.param({"Klaviyo": {"listId": "L"}}, "L", (), id="text"),
        pytest.param({"Klaviyo": False}, "", (), id="opt-out"),
        pytest.param({"Klaviyo": True}, "", (), id="opt-in"),
        pytest.param({"Klaviyo": "L"}, "", (), id="text-instead-of-options"),
        pytest.param(
            {"Klaviyo": {"listId": False}}, "", ("bad-override-list-id",), id="false"
        ),
        pytest.param(
            {"Klaviyo": {"listId": {"id": "L"}}},
            "",
            ("bad-override-list-id",),
            id="object",
        ),
    ],
)
def test_an_events_list_is_the_text_in_its_options(
    integrations: dict[str, Any], list_id: str, dropped: tuple[str, ...]
) -> None:
    """A boolean opts in or out, and never names a list."""
    event = {
        "type": "identify",
        "traits": EMAIL,
        "integrations": integrations,
    }
    spec = ACTIONS["upsertProfile"]

    upsert = acted("upsertProfile", compile_mapping(spec.default_mapping)(event))

    assert isinstance(upsert, ProfileUpsert)
    assert (upsert.list_id, upsert.dropped) == (list_id, dropped)


@pytest.mark.parametrize(
    ("hook", "list_id"),
    [
        pytest.param({"outputs": {"id": "H"}}, "H", id="text"),
        pytest.param({"outputs": {"id": 0}}, "M", id="zero"),
        pytest.param({"outputs": {"id": False}}, "M", id="false"),
        pytest.param({"outputs": {"id": {}}}, "M", id="object"),
        pytest.param({"outputs": {}}, "M", id="absent"),
        pytest.param({"outputs": "H"}, "M", id="no-outputs"),
    ],
)
def test_a_list_made_with_a_mapping_is_text(hook: dict[str, Any], list_id: str) -> None:
    """Otherwise the list of the mapping itself counts."""
    add = acted(
        "addProfileToList", {**EMAIL, "list_id": "M", "retlOnMappingSave": hook}
    )

    assert isinstance(add, ListAdd)
    assert add.list_id == list_id


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(7, "7", id="whole-number"),
        pytest.param(1.5, "1.5", id="fraction"),
        pytest.param(-1, "-1", id="negative"),
        pytest.param("0", "0", id="text-zero"),
        pytest.param("false", "false", id="text-false"),
    ],
)
def test_numbers_are_text_as_with_segment(value: float | str, text: str) -> None:
    """A postal code or an id may come as a number."""
    upsert = acted("upsertProfile", {"external_id": value, "location": {"zip": value}})

    assert isinstance(upsert, ProfileUpsert)
    assert upsert.profile == {"external_id": text, "location": {"zip": text}}


def test_zero_degrees_are_a_place() -> None:
    """The equator and the meridian of Greenwich are values."""
    upsert = acted("upsertProfile", {**EMAIL, "location": {"latitude": 0, "zip": 0}})

    assert isinstance(upsert, ProfileUpsert)
    assert upsert.profile["location"] == {"latitude": "0"}
