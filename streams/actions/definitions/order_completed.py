"""Action Order Completed: an event for the order, and an event for each product."""

import json
from hashlib import sha256
from typing import Any, Final

import msgspec

from streams.actions.definitions.event_fields import (
    NO_EVENT_OWNER,
    build_event_record,
    event_fields,
    metric_name_refusal,
    read_event_contact,
)
from streams.actions.definitions.profile_fields import first_path, refusal_of
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import ActionResult, EventRecord, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.identifiers import (
    INVALID_EMAIL,
    Contact,
    ContactRules,
    InvalidContact,
    read_contact,
)

ORDER_METRIC: Final = "Order Completed"
PRODUCT_METRIC: Final = "Ordered Product"

_FINGERPRINT_CHARS: Final = 32
"""Ours: 128 bits, as many as a random UUID nearly has."""


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    order_metric = payload.get("event_name", ORDER_METRIC)
    product_metric = payload.get("product_event_name", PRODUCT_METRIC)
    if fault := metric_name_refusal(order_metric) or metric_name_refusal(
        product_metric
    ):
        return fault
    contact = _read_buyer(payload["profile"], rules)
    if isinstance(contact, PayloadRefusal):
        return contact
    order = build_event_record(payload, contact, metric=order_metric)
    lines = payload.get("products", ())
    base = order.unique_id or (_fingerprint(order) if lines else "")
    shared = {
        name: value for name, value in order.properties.items() if name != "products"
    }
    return (
        order,
        *(
            _build_product_event(
                order, product_metric, shared | product, unique_id=f"{base}:{line}"
            )
            for line, product in lines
        ),
    )


def _build_product_event(
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


def _read_buyer(
    person: dict[str, Any], rules: ContactRules
) -> Contact | PayloadRefusal:
    """Read the buyer of an order.

    An order is worth more than its address: an address that looks invalid is sent for
    Klaviyo to judge, as Segment does.
    """
    contact = read_event_contact(person, rules=rules)
    if contact is INVALID_EMAIL:
        contact = read_contact({**person, "email": ""}, rules=rules)
        if isinstance(contact, Contact):
            identifiers = {**contact.identifiers, "email": person["email"]}
            contact = msgspec.structs.replace(contact, identifiers=identifiers)
    if isinstance(contact, InvalidContact):
        return refusal_of(contact)
    if contact.identifiers or person.get("anonymous_id"):
        return contact
    return NO_EVENT_OWNER


def _fingerprint(order: EventRecord) -> str:
    """Return an id for an order without an id, the same for each duplicate."""
    order_id = order.properties.get("order_id")
    if isinstance(order_id, str | int) and order_id:
        return str(order_id)
    seed = json.dumps([order.time, order.properties], sort_keys=True).encode()
    return sha256(seed).hexdigest()[:_FINGERPRINT_CHARS]


ORDER_COMPLETED: Final = ActionSpec(
    name="orderCompleted",
    title="Order Completed",
    trigger='type = "track" and event = "Order Completed"',
    build=_build,
    fields=(
        *event_fields(
            revenue=first_path("$.properties.revenue", "$.properties.total"),
        ),
        Field(
            name="event_name",
            description="The metric of the order.",
            unfit=UnfitPolicy.REFUSE,
            default=ORDER_METRIC,
        ),
        Field(
            name="product_event_name",
            description="The metric of each product in the order.",
            unfit=UnfitPolicy.REFUSE,
            default=PRODUCT_METRIC,
        ),
        Field(
            name="products",
            description="The products, one event each.",
            kind=FieldKind.OBJECTS,
            unfit=UnfitPolicy.REFUSE,
            default=first_path("$.properties.products"),
        ),
    ),
)
