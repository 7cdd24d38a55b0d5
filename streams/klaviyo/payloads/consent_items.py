"""Consent, suppression and deletion, as values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec


class Channel(StrEnum):
    """What a profile may consent to: channel and purpose, as in Klaviyo's API."""

    EMAIL = "email.marketing"
    SMS = "sms.marketing"
    SMS_TRANSACTIONAL = "sms.transactional"
    WHATSAPP = "whatsapp.marketing"
    WHATSAPP_TRANSACTIONAL = "whatsapp.transactional"
    WHATSAPP_CONVERSATIONAL = "whatsapp.conversational"
    PUSH = "push.marketing"

    @property
    def address_field(self) -> str:
        """The identifier it writes to; empty for push, which writes to tokens."""
        return _ADDRESS_FIELDS[self.value.partition(".")[0]]


_ADDRESS_FIELDS = {
    "email": "email",
    "sms": "phone_number",
    "whatsapp": "phone_number",
    "push": "",
}

UNSUBSCRIBE_ONLY = frozenset({Channel.WHATSAPP_CONVERSATIONAL})
"""Channels that `bulk_subscribe_profiles` does not offer."""


PushToken: TypeAlias = Mapping[str, Any]
"""A device, as Klaviyo takes it: `token`, `platform`, `vendor`, and what else there
is."""


class ConsentItem(msgspec.Struct, frozen=True, kw_only=True):
    """Whose consent changes, and on which channels.

    Attributes:
        channels: At least one.
        email: Needed for the email channel.
        phone_number: E.164, needed for SMS and WhatsApp.
        list_id: Klaviyo's id of a list; empty for none.
        push_tokens: Needed to unsubscribe from push.
    """

    channels: frozenset[Channel]
    email: str | None = None
    phone_number: str | None = None
    list_id: str | None = None
    push_tokens: tuple[PushToken, ...] = ()


class SubscribeItem(ConsentItem, frozen=True, kw_only=True):
    """One profile to subscribe.

    Attributes:
        id: Klaviyo's id of the profile, where it is known.
        anonymous_id: Names a profile that push alone reaches.
        custom_source: Kept with the consent.
        historical_import: Consent was given before, elsewhere: no double opt-in, no
            flows.
        consented_at: When, ISO 8601; needed for a historical import, ignored in others.
    """

    id: str | None = None
    anonymous_id: str | None = None
    custom_source: str | None = None
    historical_import: bool = False
    consented_at: str | None = None


class UnsubscribeItem(ConsentItem, frozen=True, kw_only=True):
    """One profile to unsubscribe: from a list, or globally without one.

    Attributes:
        everywhere: Whoever is not on the list is unsubscribed globally, as Klaviyo does
            it; else they are left alone.
    """

    everywhere: bool = False


class SuppressionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One address to suppress, or to suppress no longer."""

    email: str | None


class DeletionItem(msgspec.Struct, frozen=True, kw_only=True):
    """One person to be forgotten; the first identifier that is given counts.

    Attributes:
        id: Klaviyo's id of the profile, never the caller's.
        email: An email address.
        phone_number: E.164.
        external_id: The caller's id: the profile is looked up by it.
    """

    id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None


def is_sendable_text(value: object) -> bool:
    """Say whether it is absent, or text that can be sent."""
    if not isinstance(value, str):
        return value is None
    return not any("\ud800" <= char <= "\udfff" for char in value)
