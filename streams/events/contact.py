"""Validation and normalization of e-mail addresses, phone numbers and external ids."""

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
"""RFC 5321, section 4.5.3.1.1: the part before the `@`."""

CACHE_MAX_ENTRIES: Final = 10_000
"""Ours: contacts whose slow check is cached, a few megabytes."""

_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9_+'&=-]+(?:\.[A-Za-z0-9_+'&=-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}\.)+[A-Za-z]{2,24}"
).fullmatch
"""Most addresses in practice. The library accepts every address that matches, except
names reserved for tests and documentation, such as `.test`."""

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
"""ITU-T E.164: at most 15 digits; no country has a number with fewer than seven."""

_TOP_LEVEL: Final = re.compile(r"[^.]\.(?:[^.]*[^.0-9])$").search
_REGIONS: Final = phonenumbers.SUPPORTED_REGIONS


class BadPhonePolicy(StrEnum):
    """Treatment of a good e-mail address beside an invalid phone number."""

    DROP = "drop"
    """Drop the phone number and keep the e-mail address."""

    REFUSE = "refuse"
    """Refuse the whole contact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """Rules for reading contacts.

    Attributes:
        country: ISO 3166 code for a national phone number without a country.
        bad_phone: Treatment of a good e-mail address beside an invalid phone number.
    """

    country: str = ""
    bad_phone: BadPhonePolicy = BadPhonePolicy.DROP


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Valid identifiers of a profile, for Klaviyo to find the profile by.

    Attributes:
        identifiers: `external_id`, `email` and `phone_number`, as far as present.
        dropped: Codes of the identifiers that were left out.
    """

    identifiers: dict[str, str]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidContact:
    """Fault in the identifiers that makes a contact unusable.

    Attributes:
        code: Stable name of the fault.
        reason: Description of the fault, without the value.
    """

    code: str
    reason: str


DEFAULT_CONTACT_RULES: Final = ContactRules()
INVALID_EMAIL: Final = InvalidContact(
    code="bad-email", reason="email is not a valid address"
)
INVALID_PHONE: Final = InvalidContact(
    code="bad-phone", reason="phone_number is not a valid number for its country"
)
EXTERNAL_ID_TOO_LONG: Final = InvalidContact(
    code="external-id-too-long",
    reason=f"external_id is over {EXTERNAL_ID_MAX_CHARS} characters",
)


def normalize_email(text: str) -> str:
    """Return the address with the domain in lower case; empty if invalid."""
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
    """Return a phone number in E.164; empty if the number is invalid.

    Args:
        text: The number; a national number needs its country.
        country: ISO 3166 code. A number that begins with `+` needs none.
    """
    if _E164(text):
        return text
    return _parse_phone(text, country.upper())


def is_country_code(code: str) -> bool:
    """Return True if a text is the ISO 3166 code of a country with phone numbers."""
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
    """Validate the identifiers among some attributes.

    An empty identifier counts as absent. A contact without any identifier is valid
    here: each action states which identifiers it requires.

    Args:
        attributes: May hold text under `email`, `phone_number`, `external_id` and
            `country_code`.
        rules: Rules for reading them.
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
        country = attributes.get("country_code") or rules.country
        phone = normalize_phone(text, country=country)
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
