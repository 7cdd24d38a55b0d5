"""Order Completed: one event for the order, and one for each product in it."""

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from streams.actions.event_records import (
    NOBODY,
    event_fields,
    metric_fault,
    record,
)
from streams.actions.fields import Field, Kind, Payload
from streams.actions.intents import EventRecord, Refusal, Result
from streams.actions.people import path, refused
from streams.actions.spec import ActionSpec
from streams.events.contact import (
    BAD_EMAIL,
    BadContact,
    Contact,
    ContactRules,
    read_contact,
)

ORDER_METRIC: Final = "Order Completed"
PRODUCT_METRIC: Final = "Ordered Product"

_FINGERPRINT_CHARS: Final = 32
"""Ours: 128 bits, as many as a random UUID nearly has."""


def _build(payload: Payload, rules: ContactRules) -> Result:
    order_metric = payload.get("event_name", ORDER_METRIC)
    product_metric = payload.get("product_event_name", PRODUCT_METRIC)
    if fault := metric_fault(order_metric) or metric_fault(product_metric):
        return fault
    contact = _buyer(payload["profile"], rules)
    if isinstance(contact, Refusal):
        return contact
    order = record(payload, contact, metric=order_metric)
    lines = payload.get("products", ())
    base = order.unique_id or (_fingerprint(order) if lines else "")
    shared = {
        name: value for name, value in order.properties.items() if name != "products"
    }
    return (
        order,
        *(
            _line(order, product_metric, shared | product, unique_id=f"{base}:{line}")
            for line, product in lines
        ),
    )


def _line(
    order: EventRecord, metric: str, properties: dict[str, Any], *, unique_id: str
) -> EventRecord:
    return EventRecord(
        metric=metric,
        profile=order.profile,
        properties=properties,
        time=order.time,
        unique_id=unique_id,
        backfill=order.backfill,
        dropped=order.dropped,
    )


def _buyer(person: dict[str, Any], rules: ContactRules) -> Contact | Refusal:
    """Read whose order it is.

    An order is worth more than its address: one that looks wrong is left to Klaviyo's
    own judgement, as Segment leaves it.
    """
    contact = read_contact(person, rules=rules)
    if contact is BAD_EMAIL:
        contact = read_contact({**person, "email": ""}, rules=rules)
        if isinstance(contact, Contact):
            named = {**contact.identifiers, "email": person["email"]}
            contact = replace(contact, identifiers=named)
    if isinstance(contact, BadContact):
        return refused(contact)
    if contact.identifiers or person.get("anonymous_id"):
        return contact
    return NOBODY


def _fingerprint(order: EventRecord) -> str:
    """Name an order that has no id, by what it holds: the same for each repeat."""
    number = order.properties.get("order_id")
    if isinstance(number, str | int) and number:
        return str(number)
    seed = json.dumps([order.time, order.properties], sort_keys=True).encode()
    return sha256(seed).hexdigest()[:_FINGERPRINT_CHARS]


ORDER_COMPLETED: Final = ActionSpec(
    name="orderCompleted",
    title="Order Completed",
    trigger='type = "track" and event = "Order Completed"',
    build=_build,
    fields=(
        *event_fields(
            revenue=path("$.properties.revenue", "$.properties.total"),
        ),
        Field(
            name="event_name",
            about="The metric of the order.",
            default=ORDER_METRIC,
        ),
        Field(
            name="product_event_name",
            about="The metric of each product in it.",
            default=PRODUCT_METRIC,
        ),
        Field(
            name="products",
            about="The products, one event each.",
            kind=Kind.OBJECTS,
            default=path("$.properties.products"),
        ),
    ),
)
