"""What an action wants of Klaviyo: records, whatever request does it."""

from enum import StrEnum
from typing import Any, Literal

import msgspec


class Consent(StrEnum):
    """What becomes of a consent; the words are Klaviyo's."""

    SUBSCRIBED = "SUBSCRIBED"
    UNSUBSCRIBED = "UNSUBSCRIBED"


class _Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Common to all.

    Attributes:
        dropped: What was left out of the payload and must be recorded, a code each:
            `bad-phone` beside a good email address.
    """

    dropped: tuple[str, ...] = ()


class ProfileUpsert(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Create the profile or update it, and put it on a list where one is named.

    Attributes:
        profile: Klaviyo's attributes; at least one identifier.
        list_id: The list; empty for none.
        unset: Custom properties to remove.
        append: Custom property -> what to add to its array.
        unappend: Custom property -> what to take out of its array.
    """

    profile: dict[str, Any]
    list_id: str = ""
    unset: tuple[str, ...] = ()
    append: dict[str, Any] = {}
    unappend: dict[str, Any] = {}


class ListAdd(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Put a profile on a list; its attributes are updated too, new or not.

    Attributes:
        list_id: The list.
        profile: Klaviyo's attributes; at least one identifier.
    """

    list_id: str
    profile: dict[str, Any]


class ListRemove(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Take one profile off a list.

    Attributes:
        list_id: The list.
        identifiers: By Klaviyo's names, the most telling first: the first that Klaviyo
            knows names the profile. They are never several profiles.
    """

    list_id: str
    identifiers: dict[str, str]


class EventRecord(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Record an event.

    Attributes:
        metric: Its name, case-sensitive.
        profile: Klaviyo's attributes of whose it is; at least one identifier.
        properties: What is known of it.
        time: ISO 8601 in UTC; empty where the payload gives none.
        unique_id: The same for each repeat; empty where the payload gives none.
        value: Its monetary value.
        value_currency: ISO 4217; empty for the account's.
        backfill: Whether flows are left out of it.
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
    """Subscribe or unsubscribe a profile on some channels.

    Attributes:
        consent: Which of the two.
        profile: `email`, `phone_number`; `anonymous_id` where only push is meant.
        channels: Of `consent.CHANNELS`, such as `email.marketing`.
        list_id: The list; empty for none.
        custom_source: Where the consent comes from; empty when unsubscribing.
        historical_import: Whether it was given in the past: no double opt-in, no flow.
        consented_at: ISO 8601 in UTC, with a historical import only.
        everywhere: Unsubscribe globally where the profile is not on the list, as
            Klaviyo does; otherwise the executor must look first.
        push_tokens: Push tokens as Klaviyo takes them, for the push channel.
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


class Suppression(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Suppress an email address, or lift the suppression a user asked for.

    Attributes:
        change: Which of the two.
        email: Klaviyo suppresses by email address only.
    """

    change: Literal["suppress", "unsuppress"]
    email: str


class Deletion(_Intent, frozen=True, kw_only=True, omit_defaults=True):
    """Delete a profile and all that is known of it, for good.

    Attributes:
        identifiers: `profile_id`, `email`, `phone_number` or `external_id`, the most
            telling first. Klaviyo takes one of the first three: an external id must be
            looked up.
    """

    identifiers: dict[str, str]


class PayloadRefusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why a payload can't be acted on.

    Attributes:
        code: Stable name of the fault, kebab-case.
        reason: What is wrong and where, without any value of the payload.
        is_noop: Whether there is nothing to do, rather than something that can't be done.
    """

    code: str
    reason: str
    is_noop: bool = False


Intent = (
    ProfileUpsert
    | ListAdd
    | ListRemove
    | EventRecord
    | ConsentChange
    | Suppression
    | Deletion
)
"""Anything an action can want."""

ActionResult = tuple[Intent, ...] | PayloadRefusal
"""What one payload comes to: an order makes several intents."""
