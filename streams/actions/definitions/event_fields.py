"""Fields and event records shared by Track Event and Order Completed."""

import re
from collections.abc import Sequence
from typing import Any, Final

from streams.actions.definitions.profile_fields import (
    EMAIL_OF_TRACK,
    email_candidates,
    event_profile,
    first_path,
    phone_path,
    refusal_of,
)
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import EventRecord, PayloadRefusal
from streams.events.identifiers import (
    INVALID_PHONE,
    BadPhonePolicy,
    Contact,
    ContactRules,
    InvalidContact,
    read_contact,
)
from streams.mapping.values import Json

METRIC_MAX_CHARS: Final = 127
"""Klaviyo OpenAPI 2026-07-15: a metric's name has fewer than 128."""

_CURRENCY: Final = re.compile(r"[A-Za-z]{3}").fullmatch

NO_EVENT_OWNER: Final = PayloadRefusal(
    code="no-identifier",
    reason="profile: no external_id, anonymous_id, phone_number or email",
)


def event_fields(*, revenue: Json) -> tuple[Field, ...]:
    """Return the fields of an event.

    Args:
        revenue: Directive that fills the amount by default.
    """
    return (
        Field(
            name="profile",
            description="The event's person: identifiers, and attributes to update.",
            kind=FieldKind.PERSON,
            required=True,
            default={
                "external_id": first_path("$.userId"),
                "email": email_candidates(*EMAIL_OF_TRACK),
                "phone_number": _without(
                    ("$.userId", *EMAIL_OF_TRACK),
                    phone_path("$.context.traits", "$.traits", "$.properties"),
                ),
                "anonymous_id": first_path("$.anonymousId"),
            },
        ),
        Field(
            name="properties",
            description="Properties of the event.",
            kind=FieldKind.OBJECT,
            required=True,
            default=_path_or_empty("$.properties"),
        ),
        Field(
            name="time",
            description="Time of the event.",
            kind=FieldKind.TIME,
            unfit=UnfitPolicy.REFUSE,
            default=first_path("$.timestamp"),
        ),
        Field(
            name="unique_id",
            description="Unique id of the event, the same in each duplicate.",
            default=first_path("$.messageId"),
        ),
        Field(
            name="value",
            description="Monetary value of the event.",
            kind=FieldKind.NUMBER,
            unfit=UnfitPolicy.REFUSE,
        ),
        Field(
            name="revenue",
            description="Replaces an absent value; anything but a number is ignored.",
            kind=FieldKind.NUMBER,
            unfit=UnfitPolicy.IGNORE,
            default=revenue,
        ),
        Field(
            name="value_currency",
            description="ISO 4217 code of the currency; an invalid code is ignored.",
            unfit=UnfitPolicy.IGNORE,
            default=first_path("$.properties.currency"),
        ),
        Field(
            name="backfill",
            description="Whether to record the event without starting flows.",
            kind=FieldKind.BOOLEAN,
            unfit=UnfitPolicy.REFUSE,
        ),
    )


def _without(paths: Sequence[str], directive: Json) -> Json:
    """Return a directive that applies only where no path has a value.

    Klaviyo gives the owner of a known phone number the e-mail address or the id beside
    it, so the number of a stranger's profile must stand alone.
    """
    for path in reversed(paths):
        directive = {"@if": {"blank": {"@path": path}, "else": directive}}
    return directive


def _path_or_empty(path: str) -> Json:
    lookup = {"@path": path}
    return {"@if": {"exists": lookup, "then": lookup, "else": {}}}


def metric_name_refusal(name: str) -> PayloadRefusal | None:
    """Return the refusal of an invalid metric name; None for a valid name."""
    if len(name) <= METRIC_MAX_CHARS:
        return None
    reason = f"a metric's name is over {METRIC_MAX_CHARS} characters"
    return PayloadRefusal(code="metric-name-too-long", reason=reason)


def read_event_owner(
    person: dict[str, Any], *, rules: ContactRules
) -> Contact | PayloadRefusal:
    """Read the person of an event; an anonymous id is enough."""
    contact = read_event_contact(person, rules=rules)
    if isinstance(contact, InvalidContact):
        return refusal_of(contact)
    if contact.identifiers or person.get("anonymous_id"):
        return contact
    return NO_EVENT_OWNER


def read_event_contact(
    person: dict[str, Any], *, rules: ContactRules
) -> Contact | InvalidContact:
    """Read the contact of an event's person.

    A bad phone number costs no event that an anonymous id identifies as well.
    """
    contact = read_contact(person, rules=rules)
    is_anonymous = person.get("anonymous_id") and not person.get("external_id")
    may_drop = rules.bad_phone is BadPhonePolicy.DROP
    if contact is INVALID_PHONE and is_anonymous and may_drop:
        return Contact(identifiers={}, dropped=(INVALID_PHONE.code,))
    return contact


def build_event_record(
    payload: Payload, contact: Contact, *, metric: str
) -> EventRecord:
    """Build the record of an event."""
    value = payload.get("value", payload.get("revenue"))
    return EventRecord(
        metric=metric,
        profile=event_profile(payload["profile"], contact),
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
