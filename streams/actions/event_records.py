"""What Track Event and Order Completed share: whose event, when, and its worth."""

import re
from typing import Any, Final

from streams.actions.fields import Field, Json, Kind, Payload
from streams.actions.intents import EventRecord, Refusal
from streams.actions.people import path, person_of, refused
from streams.events.contact import BadContact, Contact, ContactRules, read_contact

METRIC_MAX_CHARS: Final = 127
"""Klaviyo OpenAPI 2026-07-15: a metric's name has fewer than 128."""

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}").fullmatch

NOBODY: Final = Refusal(
    code="no-identifier",
    reason="profile: no external_id, anonymous_id, phone_number or email",
)


def event_fields(*, revenue: Json) -> tuple[Field, ...]:
    """Give the fields of any event.

    Args:
        revenue: What fills the amount by default.
    """
    return (
        Field(
            name="profile",
            about="Whose event it is: identifiers, and attributes to update.",
            kind=Kind.PERSON,
            required=True,
            default={
                "external_id": path("$.userId"),
                "anonymous_id": path("$.anonymousId"),
            },
        ),
        Field(
            name="properties",
            about="What is known of the event.",
            kind=Kind.OBJECT,
            required=True,
            default=_or_empty("$.properties"),
        ),
        Field(
            name="time",
            about="When it happened.",
            kind=Kind.TIME,
            default=path("$.timestamp"),
        ),
        Field(
            name="unique_id",
            about="The same for each repeat of the event.",
            default=path("$.messageId"),
        ),
        Field(name="value", about="Its monetary value.", kind=Kind.NUMBER),
        Field(
            name="revenue",
            about="Stands in for value; what is no number is passed over.",
            kind=Kind.NUMBER,
            lenient=True,
            default=revenue,
        ),
        Field(
            name="value_currency",
            about="ISO 4217 code; what is none is passed over.",
            lenient=True,
            default=path("$.properties.currency"),
        ),
        Field(
            name="backfill",
            about="Record it without starting flows.",
            kind=Kind.BOOLEAN,
        ),
    )


def _or_empty(place: str) -> Json:
    here = {"@path": place}
    return {"@if": {"exists": here, "then": here, "else": {}}}


def metric_fault(name: str) -> Refusal | None:
    """Say what is wrong with a metric's name, if anything is."""
    if len(name) <= METRIC_MAX_CHARS:
        return None
    reason = f"a metric's name is over {METRIC_MAX_CHARS} characters"
    return Refusal(code="metric-name-too-long", reason=reason)


def owner_of(person: dict[str, Any], *, rules: ContactRules) -> Contact | Refusal:
    """Read whose an event is; an anonymous id is enough."""
    contact = read_contact(person, rules=rules)
    if isinstance(contact, BadContact):
        return refused(contact)
    if contact.identifiers or person.get("anonymous_id"):
        return contact
    return NOBODY


def record(payload: Payload, contact: Contact, *, metric: str) -> EventRecord:
    """Make the record of an event."""
    value = payload.get("value", payload.get("revenue"))
    return EventRecord(
        metric=metric,
        profile=person_of(payload["profile"], contact),
        properties=payload["properties"],
        time=payload.get("time", ""),
        unique_id=payload.get("unique_id", ""),
        value=value,
        value_currency="" if value is None else _currency(payload),
        backfill=payload.get("backfill", False),
        dropped=contact.dropped,
    )


def _currency(payload: Payload) -> str:
    code = payload.get("value_currency", "")
    return code.upper() if _CURRENCY(code) else ""
