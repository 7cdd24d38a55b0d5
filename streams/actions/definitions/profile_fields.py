"""Profiles: fields that say who someone is, and what Klaviyo is told of it."""

from typing import Any, Final

from streams.actions.fields import Field, FieldKind, Json, Payload
from streams.actions.intents import PayloadRefusal
from streams.events.contact import Contact, ContactRules, InvalidContact, read_contact

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
    """Give the directive that reads the first of some places that holds something."""
    *others, last = paths
    directive: Json = {"@path": last}
    for candidate in reversed(others):
        lookup = {"@path": candidate}
        directive = {"@if": {"exists": lookup, "then": lookup, "else": directive}}
    return directive


def contact_fields(
    *, email: Json, phone: Json, external_id: Json = None
) -> tuple[Field, ...]:
    """Give the fields that name a profile, filled as told."""
    return (
        Field(name="email", description="The profile's email address.", default=email),
        Field(
            name="phone_number",
            description="Its phone number: E.164, or national with country_code.",
            default=phone,
        ),
        Field(
            name="country_code",
            description="ISO 3166 code of a national phone number's country; never sent.",
        ),
        Field(
            name="external_id",
            description="Its id in your systems, 255 characters at most.",
            default=external_id,
        ),
    )


def attribute_fields(root: str, *, properties: Json) -> tuple[Field, ...]:
    """Give the fields of all else that a profile has, read from an object.

    Args:
        root: Path of the object, such as `$.traits`.
        properties: What fills the custom properties.
    """
    return (
        _text_field("first_name", f"{root}.firstName", f"{root}.first_name"),
        _text_field("last_name", f"{root}.lastName", f"{root}.last_name"),
        _text_field("organization", f"{root}.company.name", f"{root}.organization"),
        _text_field("title", f"{root}.title"),
        _text_field("image", f"{root}.avatar"),
        Field(name="locale", description="Its locale, such as `en-GB`."),
        Field(
            name="location",
            description="Its address: Klaviyo's members only.",
            kind=FieldKind.LOCATION,
            default=_address_mapping(f"{root}.address"),
        ),
        Field(
            name="properties",
            description="Its custom properties.",
            kind=FieldKind.OBJECT,
            default=properties,
        ),
    )


def _text_field(name: str, *paths: str) -> Field:
    description = f"Its {name.replace('_', ' ')}."
    return Field(name=name, description=description, default=first_path(*paths))


def _address_mapping(root: str) -> Json:
    return {
        "address1": first_path(f"{root}.street"),
        "city": first_path(f"{root}.city"),
        "region": first_path(f"{root}.state"),
        "zip": first_path(f"{root}.postalCode", f"{root}.postal_code"),
        "country": first_path(f"{root}.country"),
    }


LIST_FIELD_DESCRIPTION: Final = "The Klaviyo list's id."

HOOK_FIELD: Final = Field(
    name="retlOnMappingSave",
    description="The list that Segment made when the mapping was saved.",
    kind=FieldKind.OBJECT,
    lenient=True,
)
"""Stands in Segment's own mappings; its list takes the place of `list_id`."""


def payload_list_id(payload: Payload) -> str:
    """Give the list a payload means: the event's own, else the mapping's."""
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
    """Read who a payload is about, and refuse one that names nobody."""
    contact = read_contact(payload, rules=rules)
    if isinstance(contact, InvalidContact):
        return refusal_of(contact)
    return contact if contact.identifiers else NO_IDENTIFIER


def refusal_of(contact: InvalidContact) -> PayloadRefusal:
    """Make a refusal of a fault."""
    return PayloadRefusal(code=contact.code, reason=contact.reason)


def profile_attributes(payload: Payload, contact: Contact) -> dict[str, Any]:
    """Give a profile's attributes by Klaviyo's names."""
    profile: dict[str, Any] = dict(contact.identifiers)
    for name in (*TEXT_ATTRIBUTES, "location", "properties"):
        if value := payload.get(name):
            profile[name] = value
    return profile


def event_profile(person: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """Give the profile of an event.

    What Klaviyo has no attribute for goes into its custom properties: Klaviyo refuses
    an attribute that it doesn't know.
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
