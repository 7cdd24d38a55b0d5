"""Tests of the payloads that each action refuses, with the codes."""

from typing import Any

import pytest

from streams.actions.intents import PayloadRefusal
from streams.actions.registry import ACTIONS

EMAIL = {"email": "a@b.co"}
PHONE = {"phone_number": "+14155550132"}
EVENT = {"metric_name": "M", "profile": {"external_id": "u"}, "properties": {}}
ORDER = {"profile": {"external_id": "u"}, "properties": {}}


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        pytest.param("upsertProfile", {}, "no-identifier", id="upsert-nobody"),
        pytest.param("trackEvent", {**EVENT, "time": True}, "bad-time", id="time-flag"),
        pytest.param(
            "trackEvent",
            {**EVENT, "time": "2025-13-01T10:00:00.000Z"},
            "bad-time",
            id="thirteenth-month",
        ),
        pytest.param("trackEvent", {**EVENT, "value": "1e999"}, "bad-field", id="huge"),
        pytest.param("trackEvent", {**EVENT, "backfill": []}, "bad-field", id="flag"),
        pytest.param("trackEvent", {**EVENT, "profile": []}, "bad-field", id="person"),
        pytest.param(
            "orderCompleted",
            {**ORDER, "event_name": "m" * 128},
            "metric-name-too-long",
            id="order-long-name",
        ),
        pytest.param("addProfileToList", EMAIL, "missing-field", id="add-no-list"),
        pytest.param("removeProfile", EMAIL, "missing-field", id="remove-no-list"),
        pytest.param(
            "removeProfile", {"list_id": "L"}, "no-identifier", id="remove-nobody"
        ),
        pytest.param(
            "trackEvent", {**EVENT, "metric_name": ""}, "missing-field", id="no-name"
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "metric_name": "m" * 128},
            "metric-name-too-long",
            id="long-name",
        ),
        pytest.param("trackEvent", {**EVENT, "value": "dear"}, "bad-field", id="value"),
        pytest.param(
            "trackEvent", {**EVENT, "time": "yesterday"}, "bad-time", id="time"
        ),
        pytest.param(
            "trackEvent", {**EVENT, "time": "1746-11-01"}, "bad-time", id="old-time"
        ),
        pytest.param(
            "trackEvent", {**EVENT, "profile": {}}, "no-identifier", id="event-nobody"
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "profile": {"email": "bad", "external_id": "u"}},
            "bad-email",
            id="event-email",
        ),
        pytest.param(
            "orderCompleted", {**ORDER, "products": ["P1"]}, "bad-field", id="products"
        ),
        pytest.param(
            "subscribeProfile",
            {"external_id": "u"},
            "no-identifier",
            id="subscribe-nobody",
        ),
        pytest.param(
            "subscribeProfile",
            {**EMAIL, "channels": ["fax"]},
            "unknown-channel",
            id="subscribe-channel",
        ),
        pytest.param(
            "subscribeProfile",
            {**EMAIL, "channels": ["sms"]},
            "no-channel",
            id="subscribe-no-channel-reaches",
        ),
        pytest.param(
            "subscribeProfile",
            {**EMAIL, "historical_import": True},
            "missing-field",
            id="subscribe-historical-without-date",
        ),
        pytest.param("suppressProfile", PHONE, "no-identifier", id="suppress-nobody"),
        pytest.param(
            "suppressProfile", {"email": "bad"}, "bad-email", id="suppress-email"
        ),
        pytest.param("deleteProfile", {}, "no-identifier", id="delete-nobody"),
    ],
)
def test_a_payload_that_can_not_be_acted_on_is_refused(
    action: str, payload: dict[str, Any], code: str
) -> None:
    """The refusal is a value with a code."""
    refusal = ACTIONS[action].to_intents(payload)

    assert isinstance(refusal, PayloadRefusal)
    assert refusal.code == code


def test_an_orders_bad_phone_is_refused_without_an_email() -> None:
    """The rule is the same in every action."""
    payload = {**ORDER, "profile": {"email": "nope", "phone_number": "1"}}

    assert ACTIONS["orderCompleted"].to_intents(payload) == PayloadRefusal(
        code="bad-phone",
        reason="phone_number is not a valid number for its country",
    )


@pytest.mark.parametrize(
    ("payload", "is_noop"),
    [
        pytest.param({"first_name": "Ann"}, True, id="nobody"),
        pytest.param({"email": "", "phone_number": None}, True, id="empty"),
        pytest.param({"email": "nope"}, False, id="bad-email"),
        pytest.param({"phone_number": "12"}, False, id="bad-phone"),
    ],
)
def test_an_upsert_of_a_stranger_is_nothing_to_do(
    payload: dict[str, Any], *, is_noop: bool
) -> None:
    """Most visitors are unidentified at first, and must not fill the dead letters."""
    refusal = ACTIONS["upsertProfile"].to_intents(payload)

    assert isinstance(refusal, PayloadRefusal)
    assert refusal.is_noop is is_noop
