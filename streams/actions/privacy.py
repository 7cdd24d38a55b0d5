"""Suppress Profile, Unsuppress Profile, Delete Profile: beyond Segment."""

from typing import Final, Literal

from streams.actions.consent import EMAIL, PHONE
from streams.actions.fields import Field, Payload
from streams.actions.intents import Deletion, Refusal, Result, Suppression
from streams.actions.people import contact_fields, contact_of, path
from streams.actions.spec import ActionSpec, Build
from streams.events.contact import ContactRules

_NO_EMAIL: Final = Refusal(code="no-identifier", reason="no email")

_TELLING: Final[tuple[str, ...]] = ("email", "phone_number", "external_id")
"""Identifiers, those first that Klaviyo deletes by without a look-up."""


def _suppressing(change: Literal["suppress", "unsuppress"]) -> Build:
    def build(payload: Payload, rules: ContactRules) -> Result:
        contact = contact_of({"email": payload.get("email")}, rules=rules)
        if isinstance(contact, Refusal):
            return _NO_EMAIL if contact.code == "no-identifier" else contact
        return (Suppression(change=change, email=contact.identifiers["email"]),)

    return build


def _delete(payload: Payload, rules: ContactRules) -> Result:
    profile_id = payload.get("profile_id")
    contact = contact_of(payload, rules=rules)
    if isinstance(contact, Refusal):
        if not profile_id:
            return contact
        return (Deletion(identifiers={"profile_id": profile_id}),)
    found = {
        name: contact.identifiers[name]
        for name in _TELLING
        if name in contact.identifiers
    }
    if profile_id:
        found = {"profile_id": profile_id, **found}
    return (Deletion(identifiers=found, dropped=contact.dropped),)


_EMAIL_FIELD: Final = Field(name="email", about="The address to change.", default=EMAIL)

SUPPRESS_PROFILE: Final = ActionSpec(
    name="suppressProfile",
    title="Suppress Profile",
    trigger='type = "track" and event = "User Suppressed"',
    build=_suppressing("suppress"),
    batch_size=100,
    fields=(_EMAIL_FIELD,),
)

UNSUPPRESS_PROFILE: Final = ActionSpec(
    name="unsuppressProfile",
    title="Unsuppress Profile",
    trigger='type = "track" and event = "User Unsuppressed"',
    build=_suppressing("unsuppress"),
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
        *contact_fields(email=EMAIL, phone=PHONE, external_id=path("$.userId")),
        Field(
            name="profile_id",
            about="Klaviyo's own id of the profile, never one of yours.",
        ),
    ),
)
