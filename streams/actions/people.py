"""Profiles: fields that say who someone is, and what Klaviyo is told of it."""

from typing import Any, Final

from streams.actions.fields import Field, Json, Kind, Payload
from streams.actions.intents import Refusal
from streams.events.contact import BadContact, Contact, ContactRules, read_contact

TEXT_ATTRIBUTES: Final = (
    "first_name",
    "last_name",
    "organization",
    "title",
    "image",
    "locale",
)
"""Attributes of a profile that are plain text, Klaviyo OpenAPI 2026-07-15."""

_KNOWN: Final = frozenset(
    {*TEXT_ATTRIBUTES, "email", "phone_number", "external_id", "anonymous_id", "_kx"}
    | {"location", "properties"}
)
_UNSENT: Final = frozenset({"country_code"})

NO_IDENTIFIER: Final = Refusal(
    code="no-identifier", reason="no external_id, phone_number or email"
)


def path(*places: str) -> Json:
    """Give the directive that reads the first of some places that holds something."""
    *others, last = places
    found: Json = {"@path": last}
    for place in reversed(others):
        here = {"@path": place}
        found = {"@if": {"exists": here, "then": here, "else": found}}
    return found


def contact_fields(
    *, email: Json, phone: Json, external_id: Json = None
) -> tuple[Field, ...]:
    """Give the fields that name a profile, filled as told."""
    return (
        Field(name="email", about="The profile's email address.", default=email),
        Field(
            name="phone_number",
            about="Its phone number: E.164, or national with country_code.",
            default=phone,
        ),
        Field(
            name="country_code",
            about="ISO 3166 code of a national phone number's country; never sent.",
        ),
        Field(
            name="external_id",
            about="Its id in your systems, 255 characters at most.",
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
        _text("first_name", f"{root}.firstName", f"{root}.first_name"),
        _text("last_name", f"{root}.lastName", f"{root}.last_name"),
        _text("organization", f"{root}.company.name", f"{root}.organization"),
        _text("title", f"{root}.title"),
        _text("image", f"{root}.avatar"),
        Field(name="locale", about="Its locale, such as `en-GB`."),
        Field(
            name="location",
            about="Its address: Klaviyo's members only.",
            kind=Kind.LOCATION,
            default=_address(f"{root}.address"),
        ),
        Field(
            name="properties",
            about="Its custom properties.",
            kind=Kind.OBJECT,
            default=properties,
        ),
    )


def _text(name: str, *places: str) -> Field:
    about = f"Its {name.replace('_', ' ')}."
    return Field(name=name, about=about, default=path(*places))


def _address(root: str) -> Json:
    return {
        "address1": path(f"{root}.street"),
        "city": path(f"{root}.city"),
        "region": path(f"{root}.state"),
        "zip": path(f"{root}.postalCode", f"{root}.postal_code"),
        "country": path(f"{root}.country"),
    }


LIST_FIELD_ABOUT: Final = "The Klaviyo list's id."

HOOK_FIELD: Final = Field(
    name="retlOnMappingSave",
    about="The list that Segment made when the mapping was saved.",
    kind=Kind.OBJECT,
    lenient=True,
)
"""Stands in Segment's own mappings; its list takes the place of `list_id`."""


def list_of(payload: Payload) -> str:
    """Give the list a payload means: the event's own, else the mapping's."""
    override = payload.get("override_list_id")
    if override:
        return str(override)
    hook = payload.get(HOOK_FIELD.name)
    made = hook.get("outputs") if hook else None
    made_id = made.get("id") if isinstance(made, dict) else None
    return str(made_id or payload.get("list_id", ""))


def contact_of(payload: Payload, *, rules: ContactRules) -> Contact | Refusal:
    """Read who a payload is about, and refuse one that names nobody."""
    contact = read_contact(payload, rules=rules)
    if isinstance(contact, BadContact):
        return refused(contact)
    return contact if contact.identifiers else NO_IDENTIFIER


def refused(contact: BadContact) -> Refusal:
    """Make a refusal of a fault."""
    return Refusal(code=contact.code, reason=contact.reason)


def attributes_of(payload: Payload, contact: Contact) -> dict[str, Any]:
    """Give a profile's attributes by Klaviyo's names."""
    profile: dict[str, Any] = dict(contact.identifiers)
    for name in (*TEXT_ATTRIBUTES, "location", "properties"):
        if value := payload.get(name):
            profile[name] = value
    return profile


def person_of(given: dict[str, Any], contact: Contact) -> dict[str, Any]:
    """Give the profile of an event.

    What Klaviyo has no attribute for goes into its custom properties: Klaviyo refuses
    an attribute that it doesn't know.
    """
    profile: dict[str, Any] = dict(contact.identifiers)
    custom = {}
    for name, value in given.items():
        if name in _UNSENT or name in profile:
            continue
        if name not in _KNOWN:
            custom[name] = value
        elif name not in _CONTACTS:
            profile[name] = value
    if custom:
        profile["properties"] = {**custom, **_object(profile.get("properties"))}
    return profile


_CONTACTS: Final = frozenset({"email", "phone_number", "external_id"})


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
