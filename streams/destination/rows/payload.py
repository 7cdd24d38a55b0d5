"""Payloads of rows: attributes that NULL and a deletion clear, and the row's person."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from streams.actions.spec import ActionSpec

CLEARABLE_ATTRIBUTES: Final = {
    "first_name": "first_name",
    "last_name": "last_name",
    "organization": "organization",
    "title": "title",
    "image": "avatar",
    "location": "address",
}
"""Attribute of a profile -> the trait that clears it by being null."""

IDENTIFIERS: Final = ("external_id", "email", "phone_number")
"""Identifiers of a profile, which nothing clears."""

PROFILE_ACTIONS: Final = frozenset({"upsertProfile", "addProfileToList"})
"""Actions with attributes and custom properties of a profile."""

_NAMES: Final = (*IDENTIFIERS, "anonymous_id", "profile_id", "id")
_CONTACT_FIELDS: Final = (*IDENTIFIERS, "country_code")


def without_nulls(payload: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the payload of a profile without the NULLs that the mapping does not name.

    A column may be NULL for a reason of the database's, and what Klaviyo has of it may
    come from elsewhere.

    Args:
        payload: Payload that the mapping built; it is not changed.
        names: Klaviyo's attributes, and custom properties, that NULL clears.
    """
    changed = {**payload}
    properties = payload.get("properties")
    if isinstance(properties, dict):
        changed["properties"] = {
            name: value
            for name, value in properties.items()
            if value is not None or name in names
        }
    nulls = [name for name in names if name in payload and payload[name] is None]
    if traits := {CLEARABLE_ATTRIBUTES.get(name, name): None for name in nulls}:
        changed["custom_traits"] = {**(payload.get("custom_traits") or {}), **traits}
    return changed


def clearing_payload(
    payload: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Any]:
    """Return the payload of Upsert Profile that clears attributes and properties.

    Args:
        payload: Payload that the mapping built; only its identifiers count.
        names: Klaviyo's attributes, and custom properties.
    """
    names = list(names)
    kept = {name: payload[name] for name in _CONTACT_FIELDS if payload.get(name)}
    traits = {
        CLEARABLE_ATTRIBUTES[name]: None
        for name in names
        if name in CLEARABLE_ATTRIBUTES
    }
    unset = [name for name in names if name not in CLEARABLE_ATTRIBUTES]
    return {**kept, "custom_traits": traits, "unset": unset}


def with_person(
    payload: dict[str, Any], person: Mapping[str, str], *, action: ActionSpec
) -> dict[str, Any]:
    """Return a payload that names the person, unless the payload names a person.

    A deleted row has its key alone: the columns that named the person are null.

    Args:
        payload: Payload that the mapping built; it is not changed.
        person: `external_id` and `email`, as far as they are known.
        action: The action that the payload is for.
    """
    fields = {field.name for field in action.fields}
    if "profile" in fields:
        profile = payload.get("profile")
        profile = profile if isinstance(profile, dict) else {}
        if not _names_somebody(profile):
            return {**payload, "profile": {**profile, **person}}
        return payload
    if _names_somebody(payload):
        return payload
    return {**payload, **{name: person[name] for name in person if name in fields}}


def _names_somebody(attributes: Mapping[str, Any]) -> bool:
    return any(attributes.get(name) for name in _NAMES)
