"""Completion of intents with the identifiers that the state knows of the person.

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
    IdChange,
    Intent,
    ListAdd,
    ListRemove,
    ProfileUpsert,
)
from streams.destination.aliases import AliasPolicy
from streams.events.canonical_event import CanonicalEvent
from streams.events.row import is_snapshot
from streams.events.time import iso_from_ms
from streams.state.identity import Identity

PHONE_LEFT_OUT: Final = "phone-left-out"
"""Code for the phone number of an event whose person has a stronger identifier."""

UNKNOWN_PERSON: Final = "unknown-person"
"""Reason of a discarded event of a person without a known address."""


HOLD_DEFAULT_S: Final = 900.0
"""Ours: a shopper who signs up does so minutes after the first view."""

HOLD_MAX_S: Final = 86_400
"""Ours: a day; a flow that fires later means nothing to the person."""


SEND_NOTICE: Final = (
    "events that name a person by a user id or device alone are sent, and may make "
    "second profiles; settings.identity.unknown: hold avoids them, send keeps this"
)
"""Notice for operators who have not chosen a treatment of unknown persons."""


class UnknownPersonPolicy(StrEnum):
    """Treatment of an event that names the person by user id alone."""

    SEND = "send"
    """Send the event, as Segment does; Klaviyo may make a second profile."""

    HOLD = "hold"
    """Hold the event for some time, in case a later one names the person; then send."""

    DROP = "drop"
    """Discard the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """Settings of a destination about identities.

    Attributes:
        complete: Whether intents are completed with known identifiers.
        unknown: Treatment of an event of an unknown person.
        hold_for_s: Time for which such an event is held.
        on_conflict: Treatment of an update whose identifiers belong to two profiles.
        alias: Treatment of alias calls.
        shared_profiles: Whether the users behind a profile are counted: the last of
            them takes it off the list of an audience.
        is_unknown_chosen: Whether the destination file names the value of `unknown`.
    """

    complete: bool = True
    unknown: UnknownPersonPolicy = UnknownPersonPolicy.SEND
    hold_for_s: float = HOLD_DEFAULT_S
    on_conflict: ConflictPolicy = ConflictPolicy.UPDATE
    alias: AliasPolicy = AliasPolicy.IGNORE
    shared_profiles: bool = False
    is_unknown_chosen: bool = False

    @property
    def notice(self) -> str:
        """Notice for operators if `unknown` is `send` by default; else empty."""
        if self.is_unknown_chosen or self.unknown is not UnknownPersonPolicy.SEND:
            return ""
        return SEND_NOTICE


DEFAULT_IDENTITY_RULES: Final = IdentityRules()


def complete_person(intent: Intent, identity: Identity, *, time_ms: int) -> Intent:
    """Return an intent that names the person as completely as is safe.

    An address that was current before becomes the current one. An address that the
    state does not know may be somebody else's (a gift, a form for a friend): the intent
    then names nobody but that address, or the user's profile would get it.

    Args:
        intent: The intent.
        identity: What is known of the event's user.
        time_ms: Time of the event, milliseconds since the epoch.
    """
    if identity.emails:
        match intent:
            case EventRecord() | ListAdd() | ProfileUpsert() | IdChange():
                profile = intent.profile
                named = profile.get("external_id"), profile.get("email")
                if named != (identity.external_id, identity.email):
                    is_upsert = isinstance(intent, ProfileUpsert)
                    profile = _complete(
                        profile, identity, time_ms=time_ms, is_upsert=is_upsert
                    )
                    intent = msgspec.structs.replace(intent, profile=profile)
            case ListRemove():
                identifiers = _complete(
                    intent.identifiers, identity, time_ms=time_ms, is_upsert=True
                )
                intent = msgspec.structs.replace(intent, identifiers=identifiers)
            case _:
                pass
    return _without_phone(intent) if isinstance(intent, EventRecord) else intent


def _complete(
    attributes: dict[str, Any], identity: Identity, *, time_ms: int, is_upsert: bool
) -> dict[str, Any]:
    """Return the attributes with the current address and the user's id in front.

    The user's id may stand beside an address of somebody else: then it is left out, but
    not of an upsert. In an event from before the current address was known, such an
    address is a previous one.
    """
    email, external_id = attributes.get("email", ""), attributes.get("external_id")
    is_user = external_id == identity.external_id
    is_strange = bool(email) and not identity.has_email(email.lower())
    if is_strange and is_user and time_ms >= identity.emails[0].times_ms[0]:
        return attributes if is_upsert else _without(attributes, "external_id")
    if external_id:
        is_named = is_user
    elif email:
        is_named = not is_strange
    else:
        is_named = not (attributes.get("id") or attributes.get("phone_number"))
    if not is_named:
        return attributes
    current = identity.email
    person = {"email": email if email.lower() == current else current}
    if identity.external_id:
        person["external_id"] = identity.external_id
    return {**person, **attributes, **person}


def is_unknown_person(intent: Intent) -> bool:
    """Return True if an event names the person by a user id or device alone."""
    return isinstance(intent, EventRecord) and makes_unknown_profile(intent)


def makes_unknown_profile(intent: Intent) -> bool:
    """Return True if an intent may make a profile of a user id or device alone."""
    match intent:
        case EventRecord(profile=profile) | ListAdd(profile=profile):
            pass
        case ProfileUpsert(profile=profile):
            pass
        case _:
            return False
    return not any(profile.get(name) for name in ("id", "email", "phone_number"))


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
    """Name the user on a subscription whose address the user's profile may not have.

    A subscription by address makes a profile of its own beside the profile of the user
    id, unless that profile gets the address first. An event that was decided before a
    change of address may have left after it, and have brought the previous one back.

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


def previous_emails_of(before: Identity, after: Identity) -> tuple[str, ...]:
    """Return the addresses that an update names as previous, the latest first.

    An address that was only guessed is forgotten, but the profile may have it.

    Args:
        before: What was known of the user before the event.
        after: What is known after the event.
    """
    is_guess = after.email != before.email and not before.is_identified
    guessed = (before.email,) if is_guess and before.email else ()
    return (*guessed, *after.previous_emails)


def name_previous_emails(
    intent: Intent, email: str, previous_emails: tuple[str, ...]
) -> Intent:
    """Name the previous addresses on an update with a new address of the person.

    Args:
        intent: The intent.
        email: The person's current address.
        previous_emails: Addresses from before.
    """
    match intent:
        case ProfileUpsert(profile=profile) | ListAdd(profile=profile):
            is_current = profile.get("email", "").lower() == email
        case _:
            return intent
    if not is_current:
        return intent
    return msgspec.structs.replace(intent, previous_emails=previous_emails)


def complete_event(intent: Intent, event: CanonicalEvent) -> Intent:
    """Fill in the time and unique id of an event record that has none.

    Klaviyo would take the time of arrival, and keep one event a second. An old event
    that a replay brings in fires no flow, nor does a row of a snapshot.
    """
    is_old_row = is_snapshot(event.body)
    if is_old_row and isinstance(intent, ConsentChange):
        return _as_historical(intent, event)
    if not isinstance(intent, EventRecord):
        return intent
    is_replayed = event.replay and event.time_ms < event.replay.backfill_before_ms
    if is_old_row or is_replayed:
        intent = msgspec.structs.replace(intent, backfill=True)
    if intent.time and intent.unique_id:
        return intent
    origin = f"{event.origin}@{event.time_ms}"
    return msgspec.structs.replace(
        intent,
        time=intent.time or iso_from_ms(event.time_ms),
        unique_id=intent.unique_id or event.message_id or origin,
    )


def _as_historical(change: ConsentChange, event: CanonicalEvent) -> ConsentChange:
    """Return a subscription as a historical import: no double opt-in, no flow."""
    if change.consent is not Consent.SUBSCRIBED:
        return change
    return msgspec.structs.replace(
        change,
        historical_import=True,
        consented_at=change.consented_at or iso_from_ms(event.time_ms),
    )
