"""Rules for the attributes of a profile that Klaviyo accepts."""

import re

from streams.sandbox.account.profiles import IDENTIFIERS, StoredProfile
from streams.sandbox.jsonapi.errors import ErrorResponse, JsonApiError, invalid_input
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.limits import EMAIL_MAX_CHARS, EXTERNAL_ID_MAX_CHARS
from streams.sandbox.switches import Switches

_EMAIL = re.compile(r"[^\s@,;<>()\"\x00-\x1f]{1,64}@[^\s@.]+(\.[^\s@.]+)+").fullmatch
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch

TEXT_FIELDS = (
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
)
"""Attributes that are plain strings."""

ALLOWED = frozenset({*IDENTIFIERS, *TEXT_FIELDS, "_kx", "location", "properties"})
"""All attributes that a request may set."""

IDENTIFYING = frozenset({*IDENTIFIERS, "_kx"})
"""Attributes that identify the profile."""


def is_email(text: object) -> bool:
    """Return True if Klaviyo accepts the text as an email address."""
    return (
        isinstance(text, str)
        and len(text) <= EMAIL_MAX_CHARS
        and _EMAIL(text) is not None
    )


def find_errors(attributes: object, *, pointer: str) -> list[JsonApiError]:
    """Return all errors in the attributes of a profile.

    Args:
        attributes: Member `attributes` as received.
        pointer: JSON pointer of `attributes`.
    """
    if not isinstance(attributes, dict):
        return [invalid_input("'attributes' must be an object.", pointer=pointer)]
    if is_valid(attributes):
        return []
    errors = [
        invalid_input(
            f"'{name}' is not a valid field for the resource 'profile'.",
            pointer=f"{pointer}/{name}",
        )
        for name in sorted(attributes.keys() - ALLOWED)
    ]
    return errors + [
        invalid_input(detail, pointer=f"{pointer}/{name}")
        for name, value in attributes.items()
        if name in ALLOWED and value is not None and (detail := _problem(name, value))
    ]


def find_resource_errors(item: JsonObject, *, pointer: str) -> list[JsonApiError]:
    """Return all errors in a profile resource, except in the type.

    Args:
        item: Profile resource.
        pointer: JSON pointer of the resource.
    """
    errors = find_errors(item.get("attributes"), pointer=f"{pointer}/attributes")
    if not isinstance(item.get("id"), str | None):
        errors.append(invalid_input("'id' must be a string.", pointer=f"{pointer}/id"))
    if not is_valid_meta(item.get("meta")):
        errors.append(invalid_input("'meta' is not valid.", pointer=f"{pointer}/meta"))
    return errors


def find_payload_errors(
    item: JsonObject, *, pointer: str, switches: Switches
) -> list[JsonApiError]:
    """Return errors of members that a profile's own payload does not have.

    `anonymous_id` belongs to events, and `patch_identifiers` to accounts with
    multi-email profiles. Members that the switches ignore are removed.

    Args:
        item: Profile resource as received.
        pointer: JSON pointer of the resource.
        switches: Switches of the account.
    """
    errors = []
    attributes, meta = item.get("attributes"), item.get("meta")
    if isinstance(attributes, dict) and "anonymous_id" in attributes:
        if switches.anonymous_id == "ignore":
            del attributes["anonymous_id"]
        else:
            detail = "'anonymous_id' is not a valid field for the resource 'profile'."
            path = f"{pointer}/attributes/anonymous_id"
            errors.append(invalid_input(detail, pointer=path))
    patch = meta.get("patch_identifiers") if isinstance(meta, dict) else None
    if patch is not None and switches.patch_identifiers == "refuse":
        detail = "This account has no multi-email profiles."
        path = f"{pointer}/meta/patch_identifiers"
        errors.append(invalid_input(detail, pointer=path))
    return errors


def is_valid(attributes: JsonObject) -> bool:
    """Return True if the attributes have no error.

    This check is fast enough for the ten thousand profiles of one import.
    """
    if not ALLOWED.issuperset(attributes):
        return False
    for name, value in attributes.items():
        if name == "email":
            if value is not None and not is_email(value):
                return False
        elif value is not None and _problem(name, value):
            return False
    return True


def has_identifier(item: JsonObject) -> bool:
    """True if a profile resource has an id or any identifier."""
    if item.get("id"):
        return True
    attributes = item.get("attributes", {})
    return any(attributes.get(name) for name in IDENTIFYING)


def is_valid_meta(meta: object) -> bool:
    """Return True if `meta` is None or has the shape that Klaviyo accepts."""
    if meta is None:
        return True
    patch = meta.get("patch_properties", {}) if isinstance(meta, dict) else None
    if not isinstance(patch, dict):
        return False
    unset = patch.get("unset") or []
    names = [unset] if isinstance(unset, str) else unset
    return (
        isinstance(patch.get("append") or {}, dict)
        and isinstance(patch.get("unappend") or {}, dict)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    )


def _problem(name: str, value: object) -> str:
    if name in ("location", "properties"):
        return "" if isinstance(value, dict) else f"'{name}' must be an object."
    if not isinstance(value, str):
        return f"'{name}' must be a string."
    if name == "email":
        return "" if is_email(value) else "Invalid email address"
    if name == "phone_number":
        return "" if _PHONE(value) else _PHONE_DETAIL
    if name == "external_id" and len(value) > EXTERNAL_ID_MAX_CHARS:
        return f"'external_id' must be at most {EXTERNAL_ID_MAX_CHARS} characters."
    return ""


_PHONE_DETAIL = "Invalid phone number format (Example of a valid format: +12345678901)"


def check(attributes: object, *, pointer: str) -> JsonObject:
    """Return the attributes, after checking for errors.

    Raises:
        ErrorResponse: 400, with all errors.
    """
    errors = find_errors(attributes, pointer=pointer)
    if errors or not isinstance(attributes, dict):
        raise ErrorResponse(errors)
    return attributes


def check_resource(item: JsonObject, *, pointer: str) -> None:
    """Check a profile resource, except type and identifiers.

    Raises:
        ErrorResponse: 400, with all errors.
    """
    errors = find_resource_errors(item, pointer=pointer)
    if errors:
        raise ErrorResponse(errors)


def patched_properties(profile: StoredProfile | None, meta: object) -> JsonObject:
    """Return the property changes that `meta.patch_properties` describes.

    Args:
        profile: Profile before the change; None if the profile does not exist yet.
        meta: Member `meta` of the profile resource.

    Returns:
        Property changes, null for properties to clear.
    """
    patch = meta.get("patch_properties") if isinstance(meta, dict) else None
    if not isinstance(patch, dict):
        return {}
    before = profile.properties if profile else {}
    unset = patch.get("unset") or []
    changes: JsonObject = dict.fromkeys([unset] if isinstance(unset, str) else unset)
    for name, value in (patch.get("append") or {}).items():
        changes[name] = [*_as_list(before.get(name)), *_as_list(value)]
    for name, value in (patch.get("unappend") or {}).items():
        removed = _as_list(value)
        changes[name] = [
            item for item in _as_list(before.get(name)) if item not in removed
        ]
    return changes


def _as_list(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
