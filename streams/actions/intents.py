"""Intents: the changes that actions ask Klaviyo for, independent of requests."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec


class Consent(StrEnum):
    """New state of a consent, named as in Klaviyo's API."""

    SUBSCRIBED = "SUBSCRIBED"
    UNSUBSCRIBED = "UNSUBSCRIBED"


class Channel(StrEnum):
    """Channel and purpose of a consent, named as in Klaviyo's API."""

    EMAIL = "email.marketing"
    SMS = "sms.marketing"
    SMS_TRANSACTIONAL = "sms.transactional"
    WHATSAPP = "whatsapp.marketing"
    WHATSAPP_TRANSACTIONAL = "whatsapp.transactional"
    WHATSAPP_CONVERSATIONAL = "whatsapp.conversational"
    PUSH = "push.marketing"

    @property
    def address_field(self) -> str:
        """Profile attribute that the channel writes to; empty for push.

        Push messages go to push tokens.
        """
        return ADDRESS_FIELDS[self.value.partition(".")[0]]


ADDRESS_FIELDS: Final[Mapping[str, str]] = {
    "email": "email",
    "sms": "phone_number",
    "whatsapp": "phone_number",
    "push": "",
}
"""First part of a channel -> the profile attribute that holds its address."""

UNSUBSCRIBE_ONLY: Final = frozenset({Channel.WHATSAPP_CONVERSATIONAL})
"""Channels that `bulk_subscribe_profiles` does not offer."""


class ConflictPolicy(StrEnum):
    """Treatment of an update that names two different profiles."""

    UPDATE = "update"
    """Update the profile of the address; leave the other profile as it is."""

    MERGE = "merge"
    """Merge the other profile into the profile of the address; irreversible."""

    REFUSE = "refuse"
    """Send the update to the dead letters."""


class _Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Base of all intents.

    Attributes:
        dropped: Codes for the parts of the payload that were left out and must be
            recorded: `bad-phone` beside a good email address.
    """

    dropped: tuple[str, ...] = ()


class ProfileUpsert(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Create or update a profile, and add the profile to a list if named.

    Attributes:
        profile: Klaviyo's attributes; at least one identifier.
        list_id: Klaviyo's id of the list; empty for no list.
        unset: Custom properties to remove.
        append: Custom property -> value to add to its array.
        unappend: Custom property -> value to remove from its array.
        previous_emails: Addresses that the person had before, the latest first; only
            for a change of the address.
    """

    profile: dict[str, Any]
    list_id: str = ""
    unset: tuple[str, ...] = ()
    append: dict[str, Any] = {}
    unappend: dict[str, Any] = {}
    previous_emails: tuple[str, ...] = ()


class IdChange(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Give the profile of a previous user id the user's id.

    Attributes:
        profile: `external_id` of the user, and `email` if it is known.
        previous_id: External id of the same person from before.
    """

    profile: dict[str, Any]
    previous_id: str


class ListAdd(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Add a profile to a list; create or update the profile as well.

    Attributes:
        list_id: Klaviyo's id of the list; empty where an audience names the list.
        profile: Klaviyo's attributes; at least one identifier.
        previous_emails: As for `ProfileUpsert`.
    """

    list_id: str
    profile: dict[str, Any]
    previous_emails: tuple[str, ...] = ()


class ListRemove(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Remove a single profile from a list.

    Attributes:
        list_id: Klaviyo's id of the list; empty where an audience names the list.
        identifiers: Identifiers by Klaviyo's names, the most reliable first. The first
            that Klaviyo knows selects the profile; never more than one profile is
            removed.
    """

    list_id: str
    identifiers: dict[str, str]


class EventRecord(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Record an event for a profile.

    Attributes:
        metric: Name of the metric, case-sensitive.
        profile: Klaviyo's attributes of the event's profile; at least one identifier,
            and `id` where Klaviyo's id is available.
        properties: Properties of the event.
        time: ISO 8601; empty where the payload has no time: Klaviyo takes the time of
            the request.
        unique_id: Equal for each duplicate of the event; empty where the payload has
            none: Klaviyo then keeps one event a second for a profile and metric.
        value: Monetary value of the event.
        value_currency: ISO 4217; empty for the account's currency.
        backfill: True if the event must not trigger flows.
    """

    metric: str
    profile: dict[str, Any]
    properties: dict[str, Any]
    time: str = ""
    unique_id: str = ""
    value: float | None = None
    value_currency: str = ""
    backfill: bool = False


class ConsentChange(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Subscribe a profile to channels, or unsubscribe a profile from channels.

    Attributes:
        consent: New state of the consent.
        profile: `email`, `phone_number`; `anonymous_id` for push alone; `id` where
            Klaviyo's id is available.
        channels: Values of `Channel`; at least one.
        list_id: Klaviyo's id of the list; empty for no list.
        custom_source: Source of the consent; empty when unsubscribing.
        historical_import: True if the person consented earlier and elsewhere: no
            double opt-in, no flows.
        consented_at: Time of the consent, ISO 8601; needed for a historical import,
            ignored otherwise.
        everywhere: True if a profile that is not on the list must be unsubscribed
            globally, as Klaviyo does; otherwise such a profile keeps its consent.
        push_tokens: Push tokens in Klaviyo's form; needed to unsubscribe from push.
        external_id: Id of the user whose profile has the address; empty if unknown.
            The request cannot name it, but the profile can be given the address first.
    """

    consent: Consent
    profile: dict[str, str]
    channels: tuple[str, ...]
    list_id: str = ""
    custom_source: str = ""
    historical_import: bool = False
    consented_at: str = ""
    everywhere: bool = False
    push_tokens: tuple[dict[str, Any], ...] = ()
    external_id: str = ""


class Suppression(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Suppress an email address, or remove a suppression made by hand.

    Attributes:
        change: Direction of the change.
        email: Email address; Klaviyo suppresses by email address only.
    """

    change: Literal["suppress", "unsuppress"]
    email: str


class Deletion(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Delete a profile and all data about the profile, for good.

    Attributes:
        identifiers: `profile_id` (Klaviyo's), `email`, `phone_number` or `external_id`,
            the most reliable first. Klaviyo accepts the first three; an external id
            must be looked up.
    """

    identifiers: dict[str, str]


class PayloadRefusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Reason why a payload leads to no intent.

    Attributes:
        code: Stable name of the fault, kebab-case.
        reason: Description of the fault and its position, without payload values.
        is_noop: True if the payload needs no action; False if the payload is invalid.
    """

    code: str
    reason: str
    is_noop: bool = False


Intent = (
    ProfileUpsert
    | IdChange
    | ListAdd
    | ListRemove
    | EventRecord
    | ConsentChange
    | Suppression
    | Deletion
)
"""Any change that an action can ask for."""

ActionResult = tuple[Intent, ...] | PayloadRefusal
"""Result for one payload: an order leads to several intents."""


PERSON_IDENTIFIERS: Final = ("external_id", "email", "phone_number")
"""Identifiers that name one person for good, the most reliable first."""


class IntentKind(StrEnum):
    """Operation that an intent asks for."""

    UPSERT = "upsert"
    PATCH = "patch"
    CHANGE_ID = "change-id"
    ADD = "add"
    REMOVE = "remove"
    RECORD = "record"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    DELETE = "delete"


def intent_kind(intent: Intent) -> IntentKind:
    """Return the operation that an intent asks for."""
    match intent:
        case ProfileUpsert() if is_patch(intent):
            kind = IntentKind.PATCH
        case ProfileUpsert(list_id=""):
            kind = IntentKind.UPSERT
        case ProfileUpsert() | ListAdd():
            kind = IntentKind.ADD
        case IdChange():
            kind = IntentKind.CHANGE_ID
        case ListRemove():
            kind = IntentKind.REMOVE
        case EventRecord():
            kind = IntentKind.RECORD
        case ConsentChange(consent=consent):
            is_subscription = consent is Consent.SUBSCRIBED
            kind = IntentKind.SUBSCRIBE if is_subscription else IntentKind.UNSUBSCRIBE
        case Suppression(change=change):
            kind = IntentKind(change)
        case Deletion():
            kind = IntentKind.DELETE
    return kind


def is_patch(upsert: ProfileUpsert) -> bool:
    """Return True if an upsert removes properties or changes arrays."""
    return bool(upsert.unset or upsert.append or upsert.unappend)


def list_id_of(intent: Intent) -> str:
    """Return the id of the list that an intent is about; empty for no list."""
    match intent:
        case ProfileUpsert() | ListAdd() | ListRemove() | ConsentChange():
            return intent.list_id
        case _:
            return ""


def identifying_attributes(intent: Intent) -> Mapping[str, Any]:
    """Return the attributes that hold the identifiers of an intent's person."""
    match intent:
        case ListRemove() | Deletion():
            return intent.identifiers
        case Suppression():
            return {"email": intent.email}
        case _:
            return intent.profile


def person_keys(intent: Intent) -> tuple[str, ...]:
    """Return `name=value` for each identifier that names the person for good."""
    attributes = identifying_attributes(intent)
    return tuple(
        f"{name}={attributes[name]}"
        for name in PERSON_IDENTIFIERS
        if attributes.get(name)
    )


def is_same_person(first: Intent, second: Intent) -> bool:
    """Return True if two intents share an identifier, or neither has any.

    Several people use one device, so an anonymous id does not make two intents with
    other identifiers the same person.
    """
    first_keys, second_keys = person_keys(first), person_keys(second)
    if not first_keys and not second_keys:
        return identifying_attributes(first) == identifying_attributes(second)
    return not {*first_keys}.isdisjoint(second_keys)
