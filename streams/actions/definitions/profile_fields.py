"""Fields of profiles: identifiers and attributes, and building of the profile."""

from typing import Any, Final

from streams.actions.fields import Field, FieldKind, Payload
from streams.actions.intents import PayloadRefusal
from streams.events.identifiers import (
    Contact,
    ContactRules,
    InvalidContact,
    read_contact,
)
from streams.mapping.values import Json

TEXT_ATTRIBUTES: Final = (
    "first_name",
    "last_name",
    "organization",
    "title",
    "image",
    "locale",
)
"""Attributes of a profile that are plain text, Klaviyo OpenAPI 2026-07-15."""

_PROFILE_ATTRIBUTES: Final = frozenset(
    {*TEXT_ATTRIBUTES, "email", "phone_number", "external_id", "anonymous_id", "_kx"}
    | {"location", "properties"}
)
_NEVER_SENT: Final = frozenset({"country_code"})

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


def contact_fields(
    *, email: Json, phone: Json, external_id: Json = None
) -> tuple[Field, ...]:
    """Return the fields that identify a profile, with the given defaults."""
    return (
        Field(name="email", description="The profile's email address.", default=email),
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
        _text_field("first_name", f"{root}.firstName", f"{root}.first_name"),
        _text_field("last_name", f"{root}.lastName", f"{root}.last_name"),
        _text_field("organization", f"{root}.company.name", f"{root}.organization"),
        _text_field("title", f"{root}.title"),
        _text_field("image", f"{root}.avatar"),
        Field(name="locale", description="The profile's locale, such as `en-GB`."),
        Field(
            name="location",
            description="The profile's address, with Klaviyo's members only.",
            kind=FieldKind.LOCATION,
            default=_address_mapping(f"{root}.address"),
        ),
        Field(
            name="properties",
            description="The profile's custom properties.",
            kind=FieldKind.OBJECT,
            default=properties,
        ),
    )


def _text_field(name: str, *paths: str) -> Field:
    description = f"The profile's {name.replace('_', ' ')}."
    return Field(name=name, description=description, default=first_path(*paths))


def _address_mapping(root: str) -> Json:
    return {
        "address1": first_path(f"{root}.street", f"{root}.address1"),
        "address2": first_path(f"{root}.street2", f"{root}.address2", f"{root}.line2"),
        "city": first_path(f"{root}.city"),
        "region": first_path(f"{root}.state", f"{root}.region"),
        "zip": first_path(f"{root}.postalCode", f"{root}.postal_code", f"{root}.zip"),
        "country": first_path(f"{root}.country"),
    }


LIST_FIELD_DESCRIPTION: Final = "The Klaviyo list's id."

HOOK_FIELD: Final = Field(
    name="retlOnMappingSave",
    description="The list that Segment made when the mapping was saved.",
    kind=FieldKind.OBJECT,
    lenient=True,
)
"""Field of Segment's own mappings; its list replaces `list_id`."""


def payload_list_id(payload: Payload) -> str:
    """Return the list of a payload: the event's own list, else the mapping's list."""
    override = payload.get("override_list_id")
    if override:
        return str(override)
    hook = payload.get(HOOK_FIELD.name)
    hook_outputs = hook.get("outputs") if hook else None
    hook_list_id = hook_outputs.get("id") if isinstance(hook_outputs, dict) else None
    return str(hook_list_id or payload.get("list_id", ""))


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
