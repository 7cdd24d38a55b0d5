"""Completion of intents with what the state knows of the person.

Klaviyo ranks identifiers: an event by a user id alone makes a profile of its own beside
the profile of the person's address. An intent of a known person therefore names the
current address, and never a phone number beside a stronger identifier.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from streams.actions.intents import (
    ConflictPolicy,
    Consent,
    ConsentChange,
    EventRecord,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.state.identity import Identity

PHONE_LEFT_OUT: Final = "phone-left-out"
"""Code for the phone number of an event whose person has a stronger identifier."""

UNKNOWN_PERSON: Final = "unknown-person"
"""Reason of a discarded event of a person without a known address."""


class UnknownPersonPolicy(StrEnum):
    """Treatment of an event that names its person by user id alone."""

    SEND = "send"
    """Send the event, as Segment does; Klaviyo may make a second profile."""

    DROP = "drop"
    """Discard the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """Settings of a destination about identities.

    Attributes:
        complete: Whether intents are completed with known identifiers.
        unknown: Treatment of an event of an unknown person.
        on_conflict: Treatment of an update whose identifiers belong to two profiles.
    """

    complete: bool = True
    unknown: UnknownPersonPolicy = UnknownPersonPolicy.SEND
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE


DEFAULT_IDENTITY_RULES: Final = IdentityRules()


def complete_person(intent: Intent, identity: Identity, *, time_ms: int) -> Intent:
    """Return an intent that names its person as completely as is safe.

    An address that was current before becomes the current one. An address that the
    state does not know may be somebody else's (a gift, a form for a friend): the intent
    then names nobody but that address, or the user's profile would get it.

    Args:
        intent: The intent.
        identity: What is known of the event's user.
        time_ms: Time of the event, milliseconds since the epoch.
    """
    person = _Person(identity, time_ms)
    match intent:
        case EventRecord():
            profile = person.complete(intent.profile)
            return _without_phone(msgspec.structs.replace(intent, profile=profile))
        case ListAdd():
            profile = person.complete(intent.profile)
            return msgspec.structs.replace(intent, profile=profile)
        case ProfileUpsert() if not person.names_stranger(intent.profile):
            profile = person.complete(intent.profile)
            return msgspec.structs.replace(intent, profile=profile)
        case ListRemove() if not person.names_stranger(intent.identifiers):
            identifiers = person.complete(intent.identifiers)
            return msgspec.structs.replace(intent, identifiers=identifiers)
        case _:
            return intent


def is_unknown_person(intent: Intent) -> bool:
    """Return True if an event names its person by a user id or device alone."""
    if not isinstance(intent, EventRecord):
        return False
    profile = intent.profile
    return not any(profile.get(name) for name in ("id", "email", "phone_number"))


class _Person:
    """Person behind a user key, at the time of an event."""

    def __init__(self, identity: Identity, time_ms: int) -> None:
        self._identity = identity
        self._emails = {identifier.value for identifier in identity.emails}
        first_ms = identity.emails[0].times_ms[0] if identity.emails else 0
        self._is_earlier = time_ms < first_ms

    def names_stranger(self, attributes: Mapping[str, Any]) -> bool:
        """Return True if the user's id stands beside an address of somebody else.

        In an event from before the current address was known, it is a previous one.
        """
        email = attributes.get("email", "").lower()
        return bool(
            email
            and self._emails
            and email not in self._emails
            and not self._is_earlier
            and attributes.get("external_id") == self._identity.external_id
        )

    def complete(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes with the current address and the user's id in front."""
        if self.names_stranger(attributes):
            return _without(attributes, "external_id")
        if not (self._identity.email and self._is_named_by(attributes)):
            return attributes
        email, current = attributes.get("email", ""), self._identity.email
        person = {"email": email if email.lower() == current else current}
        if self._identity.external_id:
            person["external_id"] = self._identity.external_id
        return {**person, **_without(attributes, *person)}

    def _is_named_by(self, attributes: Mapping[str, Any]) -> bool:
        if external_id := attributes.get("external_id"):
            return bool(external_id == self._identity.external_id)
        if email := attributes.get("email", ""):
            return email.lower() in self._emails
        return not any(map(attributes.get, ("id", "phone_number")))


def _without(attributes: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name not in names}


def _without_phone(intent: EventRecord) -> EventRecord:
    """Leave the phone off an event that has a stronger identifier.

    An upsert of that kind gives a stranger with the same number the event's address.
    """
    profile = intent.profile
    has_stronger = any(profile.get(name) for name in ("id", "external_id", "email"))
    if not (has_stronger and profile.get("phone_number")):
        return intent
    return msgspec.structs.replace(
        intent,
        profile=_without(profile, "phone_number"),
        dropped=(*intent.dropped, PHONE_LEFT_OUT),
    )


def link_user(intent: Intent, identity: Identity) -> Intent:
    """Name the user on a subscription whose address is new to the user's profile.

    A subscription by address makes a profile of its own beside the profile of the user
    id, unless that profile gets the address first.

    Args:
        intent: The intent.
        identity: What is known of the event's user.
    """
    match intent:
        case ConsentChange(consent=Consent.SUBSCRIBED, profile=profile):
            email = profile.get("email", "").lower()
        case _:
            return intent
    if not (email and identity.external_id and email == identity.email):
        return intent
    return msgspec.structs.replace(intent, external_id=identity.external_id)


def name_previous_emails(intent: Intent, identity: Identity) -> Intent:
    """Name the previous addresses on an update that gives the person a new one.

    Args:
        intent: The intent.
        identity: What is known of the event's user.
    """
    match intent:
        case ProfileUpsert(profile=profile) | ListAdd(profile=profile):
            is_current = profile.get("email", "").lower() == identity.email
        case _:
            return intent
    if not (is_current and identity.previous_emails):
        return intent
    return msgspec.structs.replace(intent, previous_emails=identity.previous_emails)
