"""Email addresses, phone numbers and ids: read, checked and made canonical."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from streams.events.identity import EMAIL_MAX_CHARS, EXTERNAL_ID_MAX_CHARS

LOCAL_PART_MAX_CHARS: Final = 64
"""RFC 5321, section 4.5.3.1.1: what stands before the `@`."""

REMEMBERED: Final = 10_000
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


class BadPhone(StrEnum):
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
    bad_phone: BadPhone = BadPhone.DROP


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
class BadContact:
    """Why nobody can be found.

    Attributes:
        code: Stable name of the fault.
        reason: What is wrong, without the value.
    """

    code: str
    reason: str


NO_RULES: Final = ContactRules()
BAD_EMAIL: Final = BadContact(code="bad-email", reason="email is no address")
BAD_PHONE: Final = BadContact(
    code="bad-phone", reason="phone_number is no number of the country it is for"
)
LONG_ID: Final = BadContact(
    code="external-id-too-long",
    reason=f"external_id is over {EXTERNAL_ID_MAX_CHARS} characters",
)


def email_of(text: str) -> str:
    """Give the address with its domain in lower case; empty where it is none."""
    local, _, domain = text.rpartition("@")
    if len(text) > EMAIL_MAX_CHARS or len(local) > LOCAL_PART_MAX_CHARS:
        return ""
    if _PLAIN_EMAIL(text):
        return f"{local}@{domain.lower()}"
    return _checked_email(text)


@lru_cache(maxsize=REMEMBERED)
def _checked_email(text: str) -> str:
    if not _TOP_LEVEL(text.rpartition("@")[2]):
        return ""
    try:
        found = validate_email(
            text, check_deliverability=False, globally_deliverable=False
        )
    except (EmailNotValidError, UnicodeError):
        return ""
    return found.normalized


def phone_of(text: str, *, country: str = "") -> str:
    """Give the number in E.164; empty where it is none.

    Args:
        text: The number; a national one needs its country.
        country: ISO 3166 code. A number that begins with `+` says it itself.
    """
    if _E164(text):
        return text
    return _converted(text, country.upper())


def is_country(code: str) -> bool:
    """Whether numbers of a country can be read, by its ISO 3166 code."""
    return code.upper() in _REGIONS


@lru_cache(maxsize=REMEMBERED)
def _converted(text: str, country: str) -> str:
    international = text.lstrip().startswith("+")
    if not international and country not in _REGIONS:
        return ""
    try:
        number = phonenumbers.parse(text, None if international else country)
    except phonenumbers.NumberParseException:
        return ""
    if international:
        fits = phonenumbers.is_valid_number(number)
    else:
        fits = phonenumbers.is_valid_number_for_region(number, country)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, e164) if fits else ""


def read_contact(
    given: Mapping[str, Any], *, rules: ContactRules = NO_RULES
) -> Contact | BadContact:
    """Check the identifiers among some attributes.

    An empty or absent one is not there. None at all is no fault here: an action knows
    what it needs.

    Args:
        given: May hold text under `email`, `phone_number`, `external_id` and
            `country_code`.
        rules: How to read them.
    """
    found = {}
    if external_id := given.get("external_id"):
        if len(external_id) > EXTERNAL_ID_MAX_CHARS:
            return LONG_ID
        found["external_id"] = external_id
    if text := given.get("email"):
        email = email_of(text)
        if not email:
            return BAD_EMAIL
        found["email"] = email
    if text := given.get("phone_number"):
        phone = phone_of(text, country=given.get("country_code") or rules.country)
        if not phone:
            return _without_phone(found, rules=rules)
        found["phone_number"] = phone
    return Contact(identifiers=found)


def _without_phone(
    found: dict[str, str], *, rules: ContactRules
) -> Contact | BadContact:
    if rules.bad_phone is BadPhone.DROP and "email" in found:
        return Contact(identifiers=found, dropped=(BAD_PHONE.code,))
    return BAD_PHONE
