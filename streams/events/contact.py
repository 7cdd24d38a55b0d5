"""Email addresses, phone numbers and ids: read, checked and made canonical."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from streams.events.identifiers import EMAIL_MAX_CHARS, EXTERNAL_ID_MAX_CHARS

LOCAL_PART_MAX_CHARS: Final = 64
"""RFC 5321, section 4.5.3.1.1: what stands before the `@`."""

CACHE_MAX_ENTRIES: Final = 10_000
"""Ours: contacts whose slow check is remembered, a few megabytes."""

_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9_+'&=-]+(?:\.[A-Za-z0-9_+'&=-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}\.)+[A-Za-z]{2,24}"
).fullmatch
"""Most addresses there are. What it takes, the library takes too, save under names
reserved for tests and documentation, such as `.test`."""

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
"""ITU-T E.164: 15 digits at most; no country has a number of under seven."""

_TOP_LEVEL: Final = re.compile(r"[^.]\.(?:[^.]*[^.0-9])$").search
_REGIONS: Final = phonenumbers.SUPPORTED_REGIONS


class BadPhonePolicy(StrEnum):
    """What a phone number that is none does to the good email address beside it."""

    DROP = "drop"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """How contacts are read.

    Attributes:
        country: ISO 3166 code for a national phone number that comes without one.
        bad_phone: What becomes of a good email address beside a bad phone number.
    """

    country: str = ""
    bad_phone: BadPhonePolicy = BadPhonePolicy.DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Whom Klaviyo can find.

    Attributes:
        identifiers: Those of `external_id`, `email` and `phone_number` there are.
        dropped: What was left out, a code each.
    """

    identifiers: dict[str, str]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidContact:
    """Why nobody can be found.

    Attributes:
        code: Stable name of the fault.
        reason: What is wrong, without the value.
    """

    code: str
    reason: str


DEFAULT_CONTACT_RULES: Final = ContactRules()
INVALID_EMAIL: Final = InvalidContact(code="bad-email", reason="email is no address")
INVALID_PHONE: Final = InvalidContact(
    code="bad-phone", reason="phone_number is no number of the country it is for"
)
EXTERNAL_ID_TOO_LONG: Final = InvalidContact(
    code="external-id-too-long",
    reason=f"external_id is over {EXTERNAL_ID_MAX_CHARS} characters",
)


def normalize_email(text: str) -> str:
    """Give the address with its domain in lower case; empty where it is none."""
    local, _, domain = text.rpartition("@")
    if len(text) > EMAIL_MAX_CHARS or len(local) > LOCAL_PART_MAX_CHARS:
        return ""
    if _PLAIN_EMAIL(text):
        return f"{local}@{domain.lower()}"
    return _validate_uncommon_email(text)


@lru_cache(maxsize=CACHE_MAX_ENTRIES)
def _validate_uncommon_email(text: str) -> str:
    if not _TOP_LEVEL(text.rpartition("@")[2]):
        return ""
    try:
        validated = validate_email(
            text, check_deliverability=False, globally_deliverable=False
        )
    except (EmailNotValidError, UnicodeError):
        return ""
    return validated.normalized


def normalize_phone(text: str, *, country: str = "") -> str:
    """Give the number in E.164; empty where it is none.

    Args:
        text: The number; a national one needs its country.
        country: ISO 3166 code. A number that begins with `+` says it itself.
    """
    if _E164(text):
        return text
    return _parse_phone(text, country.upper())


def is_country_code(code: str) -> bool:
    """Whether numbers of a country can be read, by its ISO 3166 code."""
    return code.upper() in _REGIONS


@lru_cache(maxsize=CACHE_MAX_ENTRIES)
def _parse_phone(text: str, country: str) -> str:
    international = text.lstrip().startswith("+")
    if not international and country not in _REGIONS:
        return ""
    try:
        number = phonenumbers.parse(text, None if international else country)
    except phonenumbers.NumberParseException:
        return ""
    if international:
        is_valid = phonenumbers.is_valid_number(number)
    else:
        is_valid = phonenumbers.is_valid_number_for_region(number, country)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, e164) if is_valid else ""


def read_contact(
    attributes: Mapping[str, Any], *, rules: ContactRules = DEFAULT_CONTACT_RULES
) -> Contact | InvalidContact:
    """Check the identifiers among some attributes.

    An empty or absent one is not there. None at all is no fault here: an action knows
    what it needs.

    Args:
        attributes: May hold text under `email`, `phone_number`, `external_id` and
            `country_code`.
        rules: How to read them.
    """
    identifiers = {}
    if external_id := attributes.get("external_id"):
        if len(external_id) > EXTERNAL_ID_MAX_CHARS:
            return EXTERNAL_ID_TOO_LONG
        identifiers["external_id"] = external_id
    if text := attributes.get("email"):
        email = normalize_email(text)
        if not email:
            return INVALID_EMAIL
        identifiers["email"] = email
    if text := attributes.get("phone_number"):
        phone = normalize_phone(
            text, country=attributes.get("country_code") or rules.country
        )
        if not phone:
            return _without_phone(identifiers, rules=rules)
        identifiers["phone_number"] = phone
    return Contact(identifiers=identifiers)


def _without_phone(
    identifiers: dict[str, str], *, rules: ContactRules
) -> Contact | InvalidContact:
    if rules.bad_phone is BadPhonePolicy.DROP and "email" in identifiers:
        return Contact(identifiers=identifiers, dropped=(INVALID_PHONE.code,))
    return INVALID_PHONE
