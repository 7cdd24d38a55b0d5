"""What Klaviyo accepts as the attributes of a profile."""

import re

from streams.sandbox.account.profile_patches import is_valid_meta
from streams.sandbox.account.profiles import IDENTIFIERS
from streams.sandbox.jsonapi.errors import ApiError, ErrorResponse, invalid_input
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
"""Every attribute a request may set."""

IDENTIFYING = frozenset({*IDENTIFIERS, "_kx"})
"""Attributes that say whose profile it is."""


def is_email(text: object) -> bool:
    """Whether Klaviyo would take it as an email address."""
    return isinstance(text, str) and _EMAIL(text) is not None


def is_phone(text: object) -> bool:
    """Whether it is a phone number in E.164."""
    return isinstance(text, str) and _PHONE(text) is not None


def find_errors(attributes: object, *, pointer: str) -> list[ApiError]:
    """Find everything that is wrong with one profile's attributes.

    Args:
        attributes: Member `attributes` as it came.
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


def find_resource_errors(item: JsonObject, *, pointer: str) -> list[ApiError]:
    """Find everything that is wrong with a profile resource, its type apart.

    Args:
        item: The resource.
        pointer: JSON pointer of it.
    """
    errors = find_errors(item.get("attributes"), pointer=f"{pointer}/attributes")
    if not isinstance(item.get("id"), str | None):
        errors.append(invalid_input("'id' must be a string.", pointer=f"{pointer}/id"))
    if not is_valid_meta(item.get("meta")):
        errors.append(
            invalid_input("'meta' makes no sense.", pointer=f"{pointer}/meta")
        )
    return errors


def is_valid(attributes: JsonObject) -> bool:
    """Whether nothing at all is wrong: the quick way, for ten thousand at once."""
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
    """Whether a profile resource says whose it is: an id or one identifier."""
    if item.get("id"):
        return True
    attributes = item.get("attributes", {})
    return any(attributes.get(name) for name in IDENTIFYING)


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
    """Return the attributes when nothing is wrong with them.

    Raises:
        Refusal: 400, one error for each fault.
    """
    errors = find_errors(attributes, pointer=pointer)
    if errors or not isinstance(attributes, dict):
        raise ErrorResponse(errors)
    return attributes


def check_resource(item: JsonObject, *, pointer: str) -> None:
    """Check a profile resource, its type and whose it is apart.

    Raises:
        Refusal: 400, one error for each fault.
    """
    errors = find_resource_errors(item, pointer=pointer)
    if errors:
        raise ErrorResponse(errors)
