"""Tests of the intents that each action builds from a payload."""

from typing import Any

import pytest

from streams.actions.intents import (
    Consent,
    ConsentChange,
    Deletion,
    EventRecord,
    Intent,
    ProfileUpsert,
    Suppression,
)
from streams.actions.registry import ACTIONS

EMAIL = {"email": "a@b.co"}
PHONE = {"phone_number": "+14155550132"}
EVENT = {"metric_name": "M", "profile": {"external_id": "u"}, "properties": {}}
ORDER = {"profile": {"external_id": "u"}, "properties": {}, "unique_id": "o"}
TOKEN = {"token": "t", "platform": "ios", "vendor": "apns"}


def subscribed(**more: Any) -> ConsentChange:  # noqa: ANN401 - any part of the record
    """Make the record of a subscription."""
    members = {"consent": Consent.SUBSCRIBED, "custom_source": "-59", **more}
    return ConsentChange(**members)


def unsubscribed(**more: Any) -> ConsentChange:  # noqa: ANN401 - any part of the record
    """Make the record of an unsubscription."""
    return ConsentChange(consent=Consent.UNSUBSCRIBED, **more)


def event(**more: Any) -> EventRecord:  # noqa: ANN401 - any part of the record
    """Make the record of `EVENT`."""
    members = {"metric": "M", "profile": {"external_id": "u"}, "properties": {}, **more}
    return EventRecord(**members)


@pytest.mark.parametrize(
    ("action", "payload", "intent"),
    [
        pytest.param(
            "upsertProfile",
            {**EMAIL, "unset": "old", "append": {"skus": "1"}, "unappend": {"x": [2]}},
            ProfileUpsert(
                profile=EMAIL,
                unset=("old",),
                append={"skus": "1"},
                unappend={"x": [2]},
            ),
            id="upsert-patches-properties",
        ),
        pytest.param(
            "upsertProfile",
            {**EMAIL, "location": {"zip": 1010, "planet": "Earth", "latitude": 48.5}},
            ProfileUpsert(
                profile={**EMAIL, "location": {"zip": "1010", "latitude": "48.5"}},
                dropped=("bad-location-member",),
            ),
            id="upsert-keeps-klaviyos-places-as-text",
        ),
        pytest.param(
            "upsertProfile",
            {**EMAIL, "custom_traits": {"a": 1, "b": 2}, "properties": {"b": 3}},
            ProfileUpsert(profile={**EMAIL, "properties": {"a": 1, "b": 3}}),
            id="upsert-properties-win-over-traits",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "value": "19.90", "value_currency": "eur", "backfill": True},
            event(value=19.9, value_currency="EUR", backfill=True),
            id="event-value-and-currency",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "revenue": "dear", "value_currency": "EUR"},
            event(),
            id="event-revenue-that-is-none",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "revenue": 3, "value_currency": "euro"},
            event(value=3),
            id="event-currency-that-is-none",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "profile": {**EMAIL, "first_name": "A", "plan": "pro"}},
            event(
                profile={**EMAIL, "first_name": "A", "properties": {"plan": "pro"}},
            ),
            id="event-unknown-attribute-is-a-property",
        ),
        pytest.param(
            "trackEvent",
            {**EVENT, "profile": {"anonymous_id": 7}},
            event(profile={"anonymous_id": "7"}),
            id="event-of-an-anonymous",
        ),
        pytest.param(
            "subscribeProfile",
            EMAIL,
            subscribed(profile=EMAIL, channels=("email.marketing",)),
            id="subscribe-email",
        ),
        pytest.param(
            "subscribeProfile",
            {**EMAIL, **PHONE, "list_id": "L", "custom_source": "Fair"},
            subscribed(
                profile={**EMAIL, **PHONE},
                channels=("email.marketing", "sms.marketing"),
                list_id="L",
                custom_source="Fair",
            ),
            id="subscribe-both",
        ),
        pytest.param(
            "subscribeProfile",
            {**PHONE, "channels": ["sms.transactional", "whatsapp", "email"]},
            subscribed(
                profile=PHONE,
                channels=("sms.transactional", "whatsapp.marketing"),
                dropped=("channel",),
            ),
            id="subscribe-channels-that-reach",
        ),
        pytest.param(
            "subscribeProfile",
            {"anonymous_id": "x", "push_tokens": TOKEN, "channels": "push"},
            subscribed(
                profile={"anonymous_id": "x"},
                channels=("push.marketing",),
                push_tokens=(TOKEN,),
            ),
            id="subscribe-push-only",
        ),
        pytest.param(
            "unsubscribeProfile",
            {**PHONE, "list_id": "L"},
            unsubscribed(
                profile=PHONE,
                channels=("sms.marketing", "sms.transactional"),
                list_id="L",
            ),
            id="unsubscribe-is-guarded",
        ),
        pytest.param(
            "unsubscribeProfile",
            {**EMAIL, "list_id": "L", "everywhere": "true"},
            unsubscribed(
                profile=EMAIL,
                channels=("email.marketing",),
                list_id="L",
                everywhere=True,
            ),
            id="unsubscribe-everywhere-when-members",
        ),
        pytest.param(
            "suppressProfile",
            EMAIL,
            Suppression(change="suppress", email="a@b.co"),
            id="suppress",
        ),
        pytest.param(
            "unsuppressProfile",
            EMAIL,
            Suppression(change="unsuppress", email="a@b.co"),
            id="unsuppress",
        ),
        pytest.param(
            "deleteProfile",
            {"external_id": "u", **PHONE, **EMAIL},
            Deletion(identifiers={**EMAIL, **PHONE, "external_id": "u"}),
            id="delete-by-the-most-telling",
        ),
        pytest.param(
            "deleteProfile",
            {"profile_id": "01K"},
            Deletion(identifiers={"profile_id": "01K"}),
            id="delete-by-klaviyos-id",
        ),
        pytest.param(
            "deleteProfile",
            {"profile_id": "01K", **EMAIL},
            Deletion(identifiers={"profile_id": "01K", **EMAIL}),
            id="delete-by-klaviyos-id-first",
        ),
    ],
)
def test_a_payload_becomes_an_intent(
    action: str, payload: dict[str, Any], intent: Intent
) -> None:
    """The intent has every value of the payload, and no other."""
    assert ACTIONS[action].to_intents(payload) == (intent,)


def test_an_orders_metrics_are_the_mappings() -> None:
    """A product's event has the order's properties, except for the products."""
    payload = {
        **ORDER,
        "properties": {"id": 1, "products": [{"sku": "A"}]},
        "products": {"sku": "A"},
        "event_name": "Bought",
        "product_event_name": "Bought One",
    }

    result = ACTIONS["orderCompleted"].to_intents(payload)

    assert result == (
        event(
            metric="Bought",
            properties={"id": 1, "products": [{"sku": "A"}]},
            unique_id="o",
        ),
        event(metric="Bought One", properties={"id": 1, "sku": "A"}, unique_id="o:1"),
    )


def test_an_orders_address_is_left_to_klaviyo() -> None:
    """An order with a doubtful e-mail address is sent all the same."""
    payload = {**ORDER, "profile": {"email": "nope"}}

    (order,) = ACTIONS["orderCompleted"].to_intents(payload)  # type: ignore[misc]  # no refusal

    assert isinstance(order, EventRecord)
    assert order.profile == {"email": "nope"}
