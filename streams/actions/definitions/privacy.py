"""Actions that Segment lacks: Suppress, Unsuppress and Delete Profile."""

from typing import Final, Literal

from streams.actions.definitions.consent_fields import SUBSCRIBER_EMAIL
from streams.actions.definitions.profile_fields import (
    contact_fields,
    email_candidates,
    first_path,
    phone_path,
    read_profile_contact,
)
from streams.actions.fields import Field, FieldKind, Payload
from streams.actions.intents import ActionResult, Deletion, PayloadRefusal, Suppression
from streams.actions.spec import ActionSpec, Build
from streams.events.identifiers import ContactRules

_NO_EMAIL: Final = PayloadRefusal(code="no-identifier", reason="no email")

_DELETION_IDENTIFIERS: Final[tuple[str, ...]] = ("email", "phone_number", "external_id")
"""Identifiers of a deletion; those that need no look-up come first."""


def _build_suppression(change: Literal["suppress", "unsuppress"]) -> Build:
    def build(payload: Payload, rules: ContactRules) -> ActionResult:
        contact = read_profile_contact({"email": payload.get("email")}, rules=rules)
        if isinstance(contact, PayloadRefusal):
            return _NO_EMAIL if contact.code == "no-identifier" else contact
        return (Suppression(change=change, email=contact.identifiers["email"]),)

    return build


def _delete(payload: Payload, rules: ContactRules) -> ActionResult:
    profile_id = payload.get("profile_id")
    contact = read_profile_contact(payload, rules=rules)
    if isinstance(contact, PayloadRefusal):
        if not profile_id:
            return contact
        return (Deletion(identifiers={"profile_id": profile_id}),)
    identifiers = {
        name: contact.identifiers[name]
        for name in _DELETION_IDENTIFIERS
        if name in contact.identifiers
    }
    if profile_id:
        identifiers = {"profile_id": profile_id, **identifiers}
    return (Deletion(identifiers=identifiers, dropped=contact.dropped),)


_EMAIL_FIELD: Final = Field(
    name="email",
    description="The address to change.",
    kind=FieldKind.EMAIL,
    default=SUBSCRIBER_EMAIL,
)

SUPPRESS_PROFILE: Final = ActionSpec(
    name="suppressProfile",
    title="Suppress Profile",
    trigger='type = "track" and event = "User Suppressed"',
    build=_build_suppression("suppress"),
    batch_size=100,
    fields=(_EMAIL_FIELD,),
)

UNSUPPRESS_PROFILE: Final = ActionSpec(
    name="unsuppressProfile",
    title="Unsuppress Profile",
    trigger='type = "track" and event = "User Unsuppressed"',
    build=_build_suppression("unsuppress"),
    batch_size=100,
    fields=(_EMAIL_FIELD,),
)

DELETE_PROFILE: Final = ActionSpec(
    name="deleteProfile",
    title="Delete Profile",
    trigger='type = "delete"',
    build=_delete,
    batch_size=1,
    fields=(
        *contact_fields(
            email=email_candidates("$.traits.email", "$.context.traits.email"),
            phone=phone_path("$.traits", "$.context.traits"),
            external_id=first_path("$.userId"),
        ),
        Field(
            name="profile_id",
            description="Klaviyo's own id of the profile, never one of yours.",
        ),
    ),
)
