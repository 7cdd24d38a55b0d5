"""Who an event is about: the user key, and what names the profile."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, section

EXTERNAL_ID_MAX_CHARS = 255
"""Klaviyo's `external_id`; a longer user id stays the key but names no profile."""

EMAIL_MAX_CHARS = 254
"""RFC 5321's longest path, less its brackets."""

ID_MAX_CHARS = 1024
"""Ours: an id becomes the key of records and table rows."""

EXACT_FLOAT_MAX = 2**53
"""IEEE 754: a larger float is no longer one whole number but several."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
_PHONE = re.compile(r"\+[0-9]{7,15}")  # looks like E.164

_ID_CODES = {
    "userId": "bad-user-id",
    "anonymousId": "bad-anonymous-id",
    "messageId": "bad-message-id",
}

_PHONE_TRAITS = ("phone", "phone_number")


def read_id(body: dict[str, Any], name: str) -> str:
    """Read an identifier; a whole number becomes its decimal digits.

    Returns:
        The identifier, or an empty string where it is absent, null or blank.

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
    raise PoisonRecord(_ID_CODES[name], f"{name} is no string and no whole number")


def valid_id(text: str, *, name: str) -> str:
    """Give `text` if it can be a key; empty where it is blank.

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
    """Give the user key: `userId`, else `anonymousId`, else the e-mail address.

    Raises:
        PoisonRecord: `no-user`, or what `id_of` raises.
    """
    user = read_id(body, "userId") or read_id(body, "anonymousId") or _email(body, kind)
    if not user:
        raise PoisonRecord("no-user", "no userId, no anonymousId, no usable email")
    return user


def plausible_phone(text: str) -> str:
    """Give a number that looks like E.164, or an empty string."""
    return text if _PHONE.fullmatch(text) else ""


def identifiers_of(
    event: CanonicalEvent, *, normalize_phone: Callable[[str], str] = plausible_phone
) -> dict[str, str]:
    """Name the profile an event is about.

    What cannot be right is left out: an id over 255 characters, an address without
    one `@`, a phone number that is none, empty text, null.

    Args:
        event: The event.
        normalize_phone: Gives a phone number in E.164, empty where it is none.

    Returns:
        Those of `external_id`, `email` and `phone_number` that can be right.
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
    """Give where a person's traits stand, the nearest first."""
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
    """Give the address in lower case, or an empty string where it is none."""
    text = value.strip() if isinstance(value, str) else ""
    is_plausible = len(text) <= EMAIL_MAX_CHARS and _EMAIL.fullmatch(text)
    return text.lower() if is_plausible else ""


def _phone(
    body: dict[str, Any], kind: str, *, normalize_phone: Callable[[str], str]
) -> str:
    for attributes in _contacts(body, kind):
        for name in _PHONE_TRAITS:
            phone = attributes.get(name)
            if (
                isinstance(phone, str)
                and phone
                and (normalized := normalize_phone(phone))
            ):
                return normalized
    return ""
