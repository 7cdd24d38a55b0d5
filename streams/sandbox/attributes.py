"""What Klaviyo accepts as the attributes of a profile."""

import re

from streams.sandbox.calls import Json
from streams.sandbox.errors import ApiError, Refusal, invalid
from streams.sandbox.limits import EXTERNAL_ID_MAX_CHARS
from streams.sandbox.patches import is_patch
from streams.sandbox.profiles import IDENTIFIERS

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

KNOWN = frozenset({*IDENTIFIERS, *TEXT_FIELDS, "_kx", "location", "properties"})
"""Every attribute a request may set."""

NAMING = frozenset({*IDENTIFIERS, "_kx"})
"""Attributes that say whose profile it is."""


def is_email(text: object) -> bool:
    """Whether Klaviyo would take it as an email address."""
    return isinstance(text, str) and _EMAIL(text) is not None


def is_phone(text: object) -> bool:
    """Whether it is a phone number in E.164."""
    return isinstance(text, str) and _PHONE(text) is not None


def faults(attributes: object, *, pointer: str) -> list[ApiError]:
    """Find everything that is wrong with one profile's attributes.

    Args:
        attributes: Member `attributes` as it came.
        pointer: JSON pointer of `attributes`.
    """
    if not isinstance(attributes, dict):
        return [invalid("'attributes' must be an object.", pointer=pointer)]
    if plausible(attributes):
        return []
    found = [
        invalid(
            f"'{name}' is not a valid field for the resource 'profile'.",
            pointer=f"{pointer}/{name}",
        )
        for name in sorted(attributes.keys() - KNOWN)
    ]
    return found + [
        invalid(detail, pointer=f"{pointer}/{name}")
        for name, value in attributes.items()
        if name in KNOWN and value is not None and (detail := _wrong(name, value))
    ]


def resource_faults(item: Json, *, pointer: str) -> list[ApiError]:
    """Find everything that is wrong with a profile resource, its type apart.

    Args:
        item: The resource.
        pointer: JSON pointer of it.
    """
    found = faults(item.get("attributes"), pointer=f"{pointer}/attributes")
    if not isinstance(item.get("id"), str | None):
        found.append(invalid("'id' must be a string.", pointer=f"{pointer}/id"))
    if not is_patch(item.get("meta")):
        found.append(invalid("'meta' makes no sense.", pointer=f"{pointer}/meta"))
    return found


def plausible(attributes: Json) -> bool:
    """Whether nothing at all is wrong: the quick way, for ten thousand at once."""
    if not KNOWN.issuperset(attributes):
        return False
    for name, value in attributes.items():
        if name == "email":
            if value is not None and not is_email(value):
                return False
        elif value is not None and _wrong(name, value):
            return False
    return True


def named(item: Json) -> bool:
    """Whether a profile resource says whose it is: an id or one identifier."""
    if item.get("id"):
        return True
    attributes = item.get("attributes", {})
    return any(attributes.get(name) for name in NAMING)


def _wrong(name: str, value: object) -> str:
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


def check(attributes: object, *, pointer: str) -> Json:
    """Return the attributes when nothing is wrong with them.

    Raises:
        Refusal: 400, one error for each fault.
    """
    found = faults(attributes, pointer=pointer)
    if found or not isinstance(attributes, dict):
        raise Refusal(found)
    return attributes


def check_resource(item: Json, *, pointer: str) -> None:
    """Check a profile resource, its type and whose it is apart.

    Raises:
        Refusal: 400, one error for each fault.
    """
    found = resource_faults(item, pointer=pointer)
    if found:
        raise Refusal(found)
