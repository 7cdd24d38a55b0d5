"""Identifiers of a person: the user key, and contacts that Klaviyo accepts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec
from email_validator import EmailNotValidError, validate_email

from streams.errors import PoisonRecord
from streams.events.canonical_event import CanonicalEvent, section
from streams.events.phone_numbers import normalize_phone
from streams.events.row import (
    KEY_FIELD,
    ROW_SECTION,
    is_row,
    row_key_text,
    row_table,
)
from streams.events.text import trim

EXTERNAL_ID_MAX_CHARS = 255
"""Klaviyo's `external_id`; a longer user id stays the user key but is not sent."""

EMAIL_MAX_CHARS = 254
"""RFC 5321's longest path, less its brackets."""

ID_MAX_CHARS = 1024
"""Ours: an id becomes the key of records and table rows."""

EXACT_FLOAT_MAX = 2**53
"""IEEE 754: a larger float stands for several whole numbers."""

LOCAL_PART_MAX_CHARS = 64
"""RFC 5321, section 4.5.3.1.1: the part before the `@`."""

CACHE_MAX_ENTRIES = 10_000
"""Ours: addresses whose check is cached, a few megabytes. An event has the same one in
several places, and each is checked where it is used."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")

_ID_CODES = {
    "userId": "bad-user-id",
    "anonymousId": "bad-anonymous-id",
    "messageId": "bad-message-id",
    "previousId": "bad-previous-id",
}

_JUNK_IDS = frozenset({"undefined", "null", "0", "[object Object]"})
"""Absent ids as JavaScript writes them; as an id each would make many people one."""

_PERSON_IDS = ("userId", "anonymousId")
_PHONE_TRAITS = ("phone", "phone_number")

_PLAIN_EMAIL: Final = re.compile(
    r"[A-Za-z0-9_+'&=-]+(?:\.[A-Za-z0-9_+'&=-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9]){0,31}\.)+[A-Za-z]{2,24}"
).fullmatch
"""Most addresses in practice. The library accepts every address that matches, except
names reserved for tests and documentation, such as `.test`."""

_TOP_LEVEL: Final = re.compile(r"[^.]\.(?:[^.]*[^.0-9])$").search


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


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Valid identifiers of a profile, for Klaviyo to find the profile by.

    Attributes:
        identifiers: `external_id`, `email` and `phone_number`, as far as present.
        dropped: Codes of the identifiers that were left out.
    """

    identifiers: dict[str, str]
    dropped: tuple[str, ...] = ()


class InvalidContact(msgspec.Struct, frozen=True, kw_only=True):
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


def read_id(body: dict[str, Any], name: str) -> str:
    """Return the identifier under a name; a whole number becomes decimal digits.

    White space and invisible characters round it do not count.

    Returns:
        The identifier, or an empty string if it is absent, null, blank or nobody's.

    Raises:
        PoisonRecord: `bad-user-id` and the like, `id-too-long` or `null-byte`.
    """
    value = body.get(name)
    if isinstance(value, str):
        text = valid_id(value, name=name)
        return "" if text in _JUNK_IDS and name != "messageId" else text
    is_zero = value == 0 and not isinstance(value, bool)
    if value is None or (is_zero and name != "messageId"):
        return ""
    if _is_whole_number(value):
        return str(int(value))
    raise PoisonRecord(
        _ID_CODES[name], f"{name} is neither a string nor a whole number"
    )


def normalize_ids(body: dict[str, Any]) -> None:
    """Trim the ids of the person, and remove ids that stand for no person.

    Mappings read the ids in the body, and must see the same as the user key.
    """
    for name in _PERSON_IDS:
        value = body.get(name)
        if isinstance(value, str):
            text = trim(value)
            if text in _JUNK_IDS:
                del body[name]
            elif text is not value:
                body[name] = text
        elif value == 0 and not isinstance(value, bool):
            del body[name]


def valid_id(text: str, *, name: str) -> str:
    """Return a text that can be a key, without invisible characters at the ends.

    Raises:
        PoisonRecord: `id-too-long` or `null-byte`.
    """
    if "\0" in text:
        raise PoisonRecord("null-byte", f"{name} holds a null byte")
    if len(text) > ID_MAX_CHARS:
        raise PoisonRecord("id-too-long", f"{name} is over {ID_MAX_CHARS} characters")
    return trim(text)


def _is_whole_number(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) <= EXACT_FLOAT_MAX
    return isinstance(value, int) and not isinstance(value, bool)


def user_key_of(body: dict[str, Any], *, kind: str) -> str:
    """Return the user key: `userId`, else `anonymousId`, else the e-mail address.

    The key of a row comes before its address: the address changes, and a deleted row
    has none. The model stands before the key, because the key 7 of an order is not the
    user 7. Only where no model is named, the address says more than the key.

    Raises:
        PoisonRecord: `no-user`, `no-row-key`, or an error of `read_id`.
    """
    user = read_id(body, "userId") or read_id(body, "anonymousId")
    if KEY_FIELD in body and is_row(body):
        key = valid_id(row_key_text([body[KEY_FIELD]]), name=KEY_FIELD)
        table = row_table(body)
        email = "" if table else _email(_contacts(body, kind=kind)[:-1])
        user = user or email or f"{table or ROW_SECTION}/{key}"
    user = user or _email(_contacts(body, kind=kind))
    if not user:
        raise PoisonRecord("no-user", "no userId, no anonymousId, no usable email")
    return user


def identifiers_of(
    event: CanonicalEvent, *, country: str = "", has_own_properties: bool = True
) -> dict[str, str]:
    """Return the identifiers of the profile that an event is about.

    Identifiers that Klaviyo would refuse are left out: an id over 255 characters, an
    invalid address or phone number, empty text, null.

    Args:
        event: The event.
        country: ISO 3166 code for a national phone number.
        has_own_properties: Whether an address among the properties is the user's; that
            of an order may be of whom the order is for.

    Returns:
        `external_id`, `email` and `phone_number`, as far as the event has them.
    """
    contacts = _contacts(event.body, kind=event.kind)
    if not has_own_properties:
        contacts = contacts[:-1]
    identifiers = {}
    user_id = event.body.get("userId")
    if user_id != event.user:  # it is not text, or not the user key
        user_id = read_id(event.body, "userId")
    if user_id and len(user_id) <= EXTERNAL_ID_MAX_CHARS:
        identifiers["external_id"] = user_id
    if (email := _email(contacts)) and normalize_email(email):
        identifiers["email"] = email
    for contact in contacts:
        for name in _PHONE_TRAITS:
            text = contact.get(name)
            phone = isinstance(text, str) and normalize_phone(text, country=country)
            if phone:
                identifiers["phone_number"] = phone
                return identifiers
    return identifiers


def _contacts(body: dict[str, Any], *, kind: str) -> list[dict[str, Any]]:
    """Return the objects that may name a person, the nearest first.

    The traits of a group call are those of the company, not of the user.
    """
    own_traits = {} if kind == "group" else section(body, "traits")
    context_traits = section(section(body, "context"), "traits")
    return [own_traits, context_traits, section(body, "properties")]


def _email(contacts: Sequence[Mapping[str, Any]]) -> str:
    for contact in contacts:
        value = contact.get("email")
        if value and (email := plausible_email(value)):
            return email
    return ""


def plausible_email(value: object) -> str:
    """Return an e-mail address in lower case, or an empty string for anything else."""
    if not isinstance(value, str):
        return ""
    text = value if len(value) <= EMAIL_MAX_CHARS else trim(value)
    return _plausible_email(text) if len(text) <= EMAIL_MAX_CHARS else ""


@lru_cache(maxsize=CACHE_MAX_ENTRIES)
def _plausible_email(text: str) -> str:
    text = trim(text)
    return text.lower() if _EMAIL.fullmatch(text) else ""


def normalize_email(text: str) -> str:
    """Return the address with the domain in lower case; empty if invalid."""
    if len(text) > EMAIL_MAX_CHARS:
        text = trim(text)
    return _normalize_email(text) if len(text) <= EMAIL_MAX_CHARS else ""


@lru_cache(maxsize=CACHE_MAX_ENTRIES)
def _normalize_email(text: str) -> str:
    text = trim(text)
    local, _, domain = text.rpartition("@")
    if len(local) > LOCAL_PART_MAX_CHARS:
        return ""
    if _PLAIN_EMAIL(text):
        return f"{local}@{domain.lower()}"
    return _validate_uncommon_email(text)


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
    external_id = attributes.get("external_id")
    if external_id and (external_id := trim(external_id)):
        if len(external_id) > EXTERNAL_ID_MAX_CHARS:
            return EXTERNAL_ID_TOO_LONG
        identifiers["external_id"] = external_id
    text = attributes.get("email")
    if text and (text := trim(text)):
        email = normalize_email(text)
        if not email:
            return INVALID_EMAIL
        identifiers["email"] = email
    text = attributes.get("phone_number")
    if text and (text := trim(text)):
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
