"""Events of shop users: browsing, orders, profile and consent changes."""

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


def browse(moment: Occurrence, rng: Random) -> SampleEvent:
    """Create an event for a viewed product, a cart or a checkout."""
    event = rng.choice(("Product Viewed", "Product Added", "Checkout Started"))
    product = _product(rng)
    if event != "Checkout Started":
        return _track(moment, event, product)
    value, currency = product["price"], rng.choice(_CURRENCIES)
    paid = {"revenue": value, "currency": currency}
    return _track(moment, event, paid, value=value, currency=currency)


def order(moment: Occurrence, rng: Random) -> SampleEvent:
    """Create an order: an event for the order, and an event per product."""
    products = [_product(rng) for _ in range(rng.randint(1, _PRODUCTS_MAX))]
    cents = sum(
        round(product["price"] * _CENTS) * product["quantity"] for product in products
    )
    value, currency = cents / _CENTS, rng.choice(_CURRENCIES)
    amount = rng.choice(("revenue", "total"))
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
            moment, "Ordered Product", {**order_properties, **product}, line=f":{line}"
        )
        for line, product in enumerate(products, start=1)
    )
    body = {"type": "track", "event": order_event.metric, "properties": details}
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event(body),
        expected_events=(order_event, *lines),
    )


def update_profile(moment: Occurrence, rng: Random) -> SampleEvent:
    """Create an update of some profile attributes."""
    traits: dict[str, Any] = {"email": email_of(moment.user)}
    if is_customer(moment.user) and rng.random() < 0.3:
        traits["phone"] = formatted_phone_of(moment.user)
    attributes: dict[str, Any] = {}
    for sent_traits, stored_attributes in _profile_parts(moment, rng):
        traits |= sent_traits
        attributes |= stored_attributes
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event({"type": "identify", "traits": traits}),
        attributes=attributes,
    )


def _profile_parts(moment: Occurrence, rng: Random) -> list[tuple[_Facts, _Facts]]:
    """Return parts of a profile, each as traits and as Klaviyo's attributes."""
    first, last = moment.user.title(), rng.choice(_NAMES)
    spelled = rng.choice(("first_name", "firstName"))
    city, plan = rng.choice(_CITIES), rng.choice(_PLANS)
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
        *(part for part in parts if rng.random() < 0.5),
    ]


def change_consent(moment: Occurrence, rng: Random, *, subscribes: bool) -> SampleEvent:
    """Create a subscription or unsubscription for the identifiers in the event.

    No event names a list, so an unsubscription applies to everything. A phone number is
    subscribed for marketing only, and unsubscribed from service messages too.
    """
    traits = {"email": email_of(moment.user), "phone": phone_of(moment.user)}
    identifiers = rng.choice((("email",), ("email",), ("phone",), ("email", "phone")))
    channels = {
        "email": (EMAIL,),
        "phone": (SMS,) if subscribes else (SMS, SMS_SERVICE),
    }
    status = SUBSCRIBED if subscribes else UNSUBSCRIBED
    return _track(
        moment,
        "User Subscribed" if subscribes else "User Unsubscribed",
        {"form": rng.choice(("footer", "account"))},
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


def _product(rng: Random) -> dict[str, Any]:
    number = rng.randrange(len(_GOODS))
    return {
        "product_id": f"p{number}",
        "name": _GOODS[number],
        "price": rng.randint(_PRICE_MIN_CENTS, _PRICE_MAX_CENTS) / _CENTS,
        "quantity": rng.randint(1, 4),
    }
