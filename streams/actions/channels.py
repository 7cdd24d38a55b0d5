"""Consent channels of a profile, named as in Klaviyo's API."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
