"""Rules for the attributes of a profile that Klaviyo accepts."""

import re

from streams.sandbox.account.profiles import IDENTIFIERS
from streams.sandbox.jsonapi.errors import ErrorResponse, JsonApiError, invalid_input
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.limits import EXTERNAL_ID_MAX_CHARS

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
    return isinstance(text, str) and _EMAIL(text) is not None


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
        return "" if _EMAIL(value) else "Invalid email address"
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
