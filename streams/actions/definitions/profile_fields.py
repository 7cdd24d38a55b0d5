"""Fields of profiles: identifiers and attributes, and building of the profile."""

from collections.abc import Sequence
from typing import Any, Final

from streams.actions.field_values import TEXT_ATTRIBUTES, UNFIT, to_text
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import PayloadRefusal
from streams.events.identifiers import (
    Contact,
    ContactRules,
    InvalidContact,
    read_contact,
)
from streams.mapping.values import Json

_PROFILE_ATTRIBUTES: Final = frozenset(
    {*TEXT_ATTRIBUTES, "email", "phone_number", "external_id", "anonymous_id", "_kx"}
    | {"location", "properties"}
)
_NEVER_SENT: Final = frozenset({"country_code"})

_TEXT_PATHS: Final[dict[str, tuple[str, ...]]] = {
    "first_name": ("firstName", "first_name"),
    "last_name": ("lastName", "last_name"),
    "organization": ("company.name", "organization.name", "organization", "company"),
    "title": ("title",),
    "image": ("avatar",),
}
"""Attribute -> paths of the traits that hold it, the first with text counts."""

EXTERNAL_IDS: Final = "$.context.externalIds"
"""Path of the identifiers that Segment's Engage knows of a person."""

EMAIL_OF_TRACK: Final = (
    "$.context.traits.email",
    EXTERNAL_IDS,
    "$.traits.email",
    "$.properties.email",
)
"""Paths of the e-mail address in a track call, the most reliable first."""

EMAIL_OF_IDENTIFY: Final = ("$.traits.email", "$.context.traits.email", EXTERNAL_IDS)
"""Paths of the e-mail address in an identify call, the most reliable first."""

_ADDRESS_TRAITS: Final = ("address", "address2")

NO_IDENTIFIER: Final = PayloadRefusal(
    code="no-identifier", reason="no external_id, phone_number or email"
)


def first_path(*paths: str) -> Json:
    """Return the directive that reads the first path with a value."""
    *others, last = paths
    directive: Json = {"@path": last}
    for candidate in reversed(others):
        lookup = {"@path": candidate}
        directive = {"@if": {"exists": lookup, "then": lookup, "else": directive}}
    return directive


def first_text(*paths: str) -> Json:
    """Return the directive that reads the first path with text.

    false, 0 and the empty string count as absent, so that a later path is read. If no
    path has text, the first value counts: it is then left out by name.
    """
    directive = first_path(*paths)
    for candidate in reversed(paths):
        lookup = {"@path": candidate}
        directive = {"@if": {"blank": lookup, "then": lookup, "else": directive}}
    return directive


def phone_path(*roots: str) -> Json:
    """Return the directive that reads the phone number among some objects."""
    return first_text(*_below(roots, "phone", "phone_number"))


def email_candidates(*paths: str) -> Json:
    """Return the directives that read the candidates for an e-mail address."""
    return [{"@path": path} for path in paths]


def contact_fields(
    *, email: Json, phone: Json, external_id: Json = None
) -> tuple[Field, ...]:
    """Return the fields that identify a profile, with the given defaults."""
    return (
        Field(
            name="email",
            description="The profile's email address.",
            kind=FieldKind.EMAIL,
            default=email,
        ),
        Field(
            name="phone_number",
            description="The profile's phone number: E.164, or national with"
            " country_code.",
            default=phone,
        ),
        Field(
            name="country_code",
            description="ISO 3166 country code of a national phone number; not sent.",
        ),
        Field(
            name="external_id",
            description="The profile's id in your systems, at most 255 characters.",
            default=external_id,
        ),
    )


def attribute_fields(root: str, *, properties: Json) -> tuple[Field, ...]:
    """Return the fields of a profile's attributes, read from an object by default.

    Args:
        root: Path of the object, such as `$.traits`.
        properties: Directive that fills the custom properties.
    """
    return (
        *(
            Field(
                name=name,
                description=f"The profile's {name.replace('_', ' ')}.",
                default=first_text(*_below([root], *paths)),
            )
            for name, paths in _TEXT_PATHS.items()
        ),
        Field(name="locale", description="The profile's locale, such as `en-GB`."),
        Field(
            name="location",
            description="The profile's address, with Klaviyo's members only.",
            kind=FieldKind.LOCATION,
            default={name: {"@path": f"{root}.{name}"} for name in _ADDRESS_TRAITS},
        ),
        Field(
            name="properties",
            description="The profile's custom properties.",
            kind=FieldKind.OBJECT,
            default=properties,
        ),
    )


def _below(roots: Sequence[str], *paths: str) -> list[str]:
    return [f"{root}.{path}" for root in roots for path in paths]


LIST_FIELD_DESCRIPTION: Final = "The Klaviyo list's id."

HOOK_FIELD: Final = Field(
    name="retlOnMappingSave",
    description="The list that Segment made when the mapping was saved.",
    kind=FieldKind.OBJECT,
    unfit=UnfitPolicy.IGNORE,
)
"""Field of Segment's own mappings; its list replaces `list_id`."""


def payload_list_id(payload: Payload) -> str:
    """Return the list of a payload: the event's own list, else the mapping's list."""
    return (
        payload.get("override_list_id")
        or _hook_list_id(payload)
        or payload.get("list_id", "")
    )


def _hook_list_id(payload: Payload) -> str:
    outputs = payload.get(HOOK_FIELD.name, {}).get("outputs")
    list_id = to_text(outputs.get("id")) if isinstance(outputs, dict) else UNFIT
    return "" if list_id is UNFIT else list_id


def read_profile_contact(
    payload: Payload, *, rules: ContactRules
) -> Contact | PayloadRefusal:
    """Read the contact of a payload; refuse a payload without an identifier."""
    contact = read_contact(payload, rules=rules)
    if isinstance(contact, InvalidContact):
        return refusal_of(contact)
    return contact if contact.identifiers else NO_IDENTIFIER


def refusal_of(contact: InvalidContact) -> PayloadRefusal:
    """Build the refusal for an invalid contact."""
    return PayloadRefusal(code=contact.code, reason=contact.reason)


def profile_attributes(payload: Payload, contact: Contact) -> dict[str, Any]:
    """Return a profile's attributes under Klaviyo's names."""
    profile: dict[str, Any] = dict(contact.identifiers)
    for name in (*TEXT_ATTRIBUTES, "location", "properties"):
        if value := payload.get(name):
            profile[name] = value
    return profile


def event_profile(person: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """Build the profile of an event record.

    Members without an attribute in Klaviyo become custom properties, because Klaviyo
    refuses unknown attributes.
    """
    profile: dict[str, Any] = dict(contact.identifiers)
    custom = {}
    for name, value in person.items():
        if name in _NEVER_SENT or name in profile:
            continue
        if name not in _PROFILE_ATTRIBUTES:
            custom[name] = value
        elif name not in _CONTACTS:
            profile[name] = value
    if custom:
        profile["properties"] = {**custom, **_object(profile.get("properties"))}
    return profile


_CONTACTS: Final = frozenset({"email", "phone_number", "external_id"})


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
