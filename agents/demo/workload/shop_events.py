"""What users of a shop do: look, buy, change their profile and their consent."""

from collections.abc import Mapping
from random import Random
from typing import Any, TypeAlias

from agents.demo.workload.sample_event import ExpectedEvent, Occurrence, SampleEvent
from agents.demo.workload.users import (
    email_of,
    formatted_phone_of,
    is_customer,
    phone_of,
)

SUBSCRIBED = "SUBSCRIBED"
UNSUBSCRIBED = "UNSUBSCRIBED"
EMAIL = "email/marketing"
SMS = "sms/marketing"
SMS_SERVICE = "sms/transactional"

_GOODS = ("Teapot", "Kettle", "Toaster", "Blender", "Scales", "Grinder")
_CURRENCIES = ("USD", "EUR", "GBP")
_NAMES = ("Mason", "Ortiz", "Ng", "O'Brien", "Müller", "Sato")
_CITIES = ("Boston", "Zürich", "Osaka", "Lagos")
_PLANS = ("free", "gold", "trial")
_PRODUCTS_MAX = 3
_CENTS = 100
_PRICE_MIN_CENTS = 100
_PRICE_MAX_CENTS = 20_000

_Facts: TypeAlias = dict[str, Any]


def browse(moment: Occurrence, chance: Random) -> SampleEvent:
    """A product seen, put into the cart, or on its way to be paid."""
    event = chance.choice(("Product Viewed", "Product Added", "Checkout Started"))
    product = _product(chance)
    if event != "Checkout Started":
        return _track(moment, event, product)
    value, currency = product["price"], chance.choice(_CURRENCIES)
    paid = {"revenue": value, "currency": currency}
    return _track(moment, event, paid, value=value, currency=currency)


def order(moment: Occurrence, chance: Random) -> SampleEvent:
    """An order: one event for it, and one for each product in it."""
    products = [_product(chance) for _ in range(chance.randint(1, _PRODUCTS_MAX))]
    cents = sum(round(one["price"] * _CENTS) * one["quantity"] for one in products)
    value, currency = cents / _CENTS, chance.choice(_CURRENCIES)
    amount = chance.choice(("revenue", "total"))
    order_properties = {
        "order_id": f"o{moment.number}",
        amount: value,
        "currency": currency,
    }
    details = {**order_properties, "products": products}
    order_event = _expected_event(
        moment, "Order Completed", details, value=value, currency=currency
    )
    lines = (
        _expected_event(
            moment, "Ordered Product", {**order_properties, **one}, line=f":{line}"
        )
        for line, one in enumerate(products, start=1)
    )
    body = {"type": "track", "event": order_event.metric, "properties": details}
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event(body),
        expected_events=(order_event, *lines),
    )


def update_profile(moment: Occurrence, chance: Random) -> SampleEvent:
    """Some of a profile: the rest of it stays as it is."""
    traits: dict[str, Any] = {"email": email_of(moment.user)}
    if is_customer(moment.user) and chance.random() < 0.3:
        traits["phone"] = formatted_phone_of(moment.user)
    attributes: dict[str, Any] = {}
    for sent_traits, stored_attributes in _profile_parts(moment, chance):
        traits |= sent_traits
        attributes |= stored_attributes
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event({"type": "identify", "traits": traits}),
        attributes=attributes,
    )


def _profile_parts(moment: Occurrence, chance: Random) -> list[tuple[_Facts, _Facts]]:
    """What a profile is told, each part as traits and as what Klaviyo makes of it."""
    first, last = moment.user.title(), chance.choice(_NAMES)
    spelled = chance.choice(("first_name", "firstName"))
    city, plan = chance.choice(_CITIES), chance.choice(_PLANS)
    parts: list[tuple[_Facts, _Facts]] = [
        (
            {spelled: first, "last_name": last},
            {"first_name": first, "last_name": last},
        ),
        ({"address": {"city": city}}, {"location.city": city}),
        ({"plan": plan}, {"properties.plan": plan}),
    ]
    visits = moment.number
    return [
        ({"visits": visits}, {"properties.visits": visits}),
        *(part for part in parts if chance.random() < 0.5),
    ]


def change_consent(
    moment: Occurrence, chance: Random, *, subscribes: bool
) -> SampleEvent:
    """A subscription or its end, for whatever addresses the event holds.

    None of them names a list, so an end is one for everything. A phone number is
    subscribed for marketing, and loses service messages too when it is unsubscribed.
    """
    traits = {"email": email_of(moment.user), "phone": phone_of(moment.user)}
    identifiers = chance.choice(
        (("email",), ("email",), ("phone",), ("email", "phone"))
    )
    channels = {
        "email": (EMAIL,),
        "phone": (SMS,) if subscribes else (SMS, SMS_SERVICE),
    }
    status = SUBSCRIBED if subscribes else UNSUBSCRIBED
    return _track(
        moment,
        "User Subscribed" if subscribes else "User Unsubscribed",
        {"form": chance.choice(("footer", "account"))},
        traits={name: traits[name] for name in identifiers},
        consents={
            channel: status for name in identifiers for channel in channels[name]
        },
    )


def _track(  # noqa: PLR0913 - one argument a fact
    moment: Occurrence,
    event: str,
    properties: dict[str, Any],
    *,
    value: float | None = None,
    currency: str | None = None,
    traits: Mapping[str, str] | None = None,
    consents: Mapping[str, str] | None = None,
) -> SampleEvent:
    body: dict[str, Any] = {"type": "track", "event": event, "properties": properties}
    if traits:
        body["context"] = {"traits": traits}
    recorded = _expected_event(
        moment, event, properties, value=value, currency=currency
    )
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event(body),
        expected_events=(recorded,),
        consents=consents or {},
    )


def _expected_event(  # noqa: PLR0913 - one argument a fact
    moment: Occurrence,
    metric: str,
    properties: Mapping[str, Any],
    *,
    line: str = "",
    value: float | None = None,
    currency: str | None = None,
) -> ExpectedEvent:
    return ExpectedEvent(
        metric=metric,
        unique_id=moment.message_id + line,
        time_s=moment.time_s,
        properties=properties,
        value=value,
        currency=currency,
    )


def _product(chance: Random) -> dict[str, Any]:
    number = chance.randrange(len(_GOODS))
    return {
        "product_id": f"p{number}",
        "name": _GOODS[number],
        "price": chance.randint(_PRICE_MIN_CENTS, _PRICE_MAX_CENTS) / _CENTS,
        "quantity": chance.randint(1, 4),
    }
