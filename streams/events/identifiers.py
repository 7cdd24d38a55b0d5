"""Identifiers of an event: the user key, and the identifiers of the profile."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, section

EXTERNAL_ID_MAX_CHARS = 255
"""Klaviyo's `external_id`; a longer user id stays the user key but is not sent."""

EMAIL_MAX_CHARS = 254
"""RFC 5321's longest path, less its brackets."""

ID_MAX_CHARS = 1024
"""Ours: an id becomes the key of records and table rows."""

EXACT_FLOAT_MAX = 2**53
"""IEEE 754: a larger float stands for several whole numbers."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")

_ID_CODES = {
    "userId": "bad-user-id",
    "anonymousId": "bad-anonymous-id",
    "messageId": "bad-message-id",
}

_PHONE_TRAITS = ("phone", "phone_number")


def read_id(body: dict[str, Any], name: str) -> str:
    """Return the identifier under a name; a whole number becomes decimal digits.

    Returns:
        The identifier, or an empty string if it is absent, null or blank.

    Raises:
        PoisonRecord: `bad-user-id` and the like, `id-too-long` or `null-byte`.
    """
    value = body.get(name)
    if isinstance(value, str):
        return valid_id(value, name=name)
    if value is None:
        return ""
    if _is_whole_number(value):
        return str(int(value))
    raise PoisonRecord(
        _ID_CODES[name], f"{name} is neither a string nor a whole number"
    )


def valid_id(text: str, *, name: str) -> str:
    """Return a text that can be a key; empty if the text is blank.

    Raises:
        PoisonRecord: `id-too-long` or `null-byte`.
    """
    if "\0" in text:
        raise PoisonRecord("null-byte", f"{name} holds a null byte")
    if len(text) > ID_MAX_CHARS:
        raise PoisonRecord("id-too-long", f"{name} is over {ID_MAX_CHARS} characters")
    return "" if text.isspace() else text


def _is_whole_number(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) <= EXACT_FLOAT_MAX
    return isinstance(value, int) and not isinstance(value, bool)


def user_key_of(body: dict[str, Any], *, kind: str) -> str:
    """Return the user key: `userId`, else `anonymousId`, else the e-mail address.

    Raises:
        PoisonRecord: `no-user`, or an error of `read_id`.
    """
    user = read_id(body, "userId") or read_id(body, "anonymousId")
    user = user or _email(body, kind)
    if not user:
        raise PoisonRecord("no-user", "no userId, no anonymousId, no usable email")
    return user


def identifiers_of(
    event: CanonicalEvent, *, normalize_phone: Callable[[str], str]
) -> dict[str, str]:
    """Return the identifiers of the profile that an event is about.

    Identifiers that cannot be right are left out: an id over 255 characters, an address
    without exactly one `@`, an invalid phone number, empty text, null.

    Args:
        event: The event.
        normalize_phone: Converts a phone number to E.164; empty for an invalid number.

    Returns:
        `external_id`, `email` and `phone_number`, as far as the event has them.
    """
    body, kind = event.body, event.kind
    user_id = read_id(body, "userId")
    candidates = {
        "external_id": user_id if len(user_id) <= EXTERNAL_ID_MAX_CHARS else "",
        "email": _email(body, kind),
        "phone_number": _phone(body, kind, normalize_phone=normalize_phone),
    }
    return {name: value for name, value in candidates.items() if value}


def _traits(body: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the objects that hold a person's traits, the nearest first."""
    if kind != "group":
        yield section(body, "traits")
    yield section(section(body, "context"), "traits")


def _contacts(body: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    yield from _traits(body, kind)
    yield section(body, "properties")


def _email(body: dict[str, Any], kind: str) -> str:
    for attributes in _contacts(body, kind):
        email = plausible_email(attributes.get("email"))
        if email:
            return email
    return ""


def plausible_email(value: object) -> str:
    """Return an e-mail address in lower case, or an empty string for anything else."""
    text = value.strip() if isinstance(value, str) else ""
    is_plausible = len(text) <= EMAIL_MAX_CHARS and _EMAIL.fullmatch(text)
    return text.lower() if is_plausible else ""


def _phone(
    body: dict[str, Any], kind: str, *, normalize_phone: Callable[[str], str]
) -> str:
    for attributes in _contacts(body, kind):
        for name in _PHONE_TRAITS:
            phone = attributes.get(name)
            if not isinstance(phone, str) or not phone:
                continue
            if normalized := normalize_phone(phone):
                return normalized
    return ""
