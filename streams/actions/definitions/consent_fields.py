"""Fields and subscribers shared by Subscribe Profile and Unsubscribe Profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from streams.actions.definitions.profile_fields import (
    EMAIL_OF_IDENTIFY,
    LIST_FIELD_DESCRIPTION,
    contact_fields,
    email_candidates,
    phone_path,
    refusal_of,
)
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import ADDRESS_FIELDS, PayloadRefusal
from streams.events.identifiers import ContactRules, InvalidContact, read_contact

SUBSCRIBE_CHANNELS: Final = (
    "email.marketing",
    "sms.marketing",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "push.marketing",
)
"""Channels of `bulk_subscribe_profiles`, Klaviyo OpenAPI 2026-07-15."""

UNSUBSCRIBE_CHANNELS: Final = (*SUBSCRIBE_CHANNELS, "whatsapp.conversational")
"""Channels of `bulk_unsubscribe_profiles`, Klaviyo OpenAPI 2026-07-15."""

_NO_IDENTIFIER: Final = PayloadRefusal(
    code="no-identifier", reason="no phone_number or email"
)

SUBSCRIBER_EMAIL: Final = email_candidates(*EMAIL_OF_IDENTIFY, "$.properties.email")
_SUBSCRIBER_PHONE: Final = phone_path("$.traits", "$.context.traits", "$.properties")

CONSENT_FIELDS: Final = (
    *(
        field
        for field in contact_fields(email=SUBSCRIBER_EMAIL, phone=_SUBSCRIBER_PHONE)
        if field.name != "external_id"
    ),
    Field(
        name="list_id",
        description=LIST_FIELD_DESCRIPTION,
        # Without its list, a consent would be about the whole account.
        unfit=UnfitPolicy.REFUSE,
    ),
    Field(
        name="channels",
        description="Channels, such as email or sms.transactional; by default the"
        " channels of the identifiers present.",
        kind=FieldKind.TEXTS,
        unfit=UnfitPolicy.REFUSE,
    ),
    Field(
        name="push_tokens",
        description="Push tokens, for push.",
        kind=FieldKind.OBJECTS,
        unfit=UnfitPolicy.REFUSE,
    ),
    Field(
        name="anonymous_id",
        description="The anonymous id of a profile that has only push tokens.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Profile with a change of consent, and the channels.

    Attributes:
        profile: Identifiers, as the two requests take them.
        channels: At least one channel.
        tokens: Push tokens.
        dropped: Codes of the values that were left out.
    """

    profile: dict[str, str]
    channels: tuple[str, ...]
    tokens: tuple[dict[str, Any], ...]
    dropped: tuple[str, ...]


def read_subscriber(
    payload: Payload,
    *,
    rules: ContactRules,
    allowed_channels: Sequence[str],
    default_channels: Sequence[str],
) -> Subscriber | PayloadRefusal:
    """Read the profile of a consent change, and the channels.

    A channel that cannot reach the profile is left out, and recorded as dropped.

    Args:
        payload: Payload that fits the fields.
        rules: Rules for reading contacts.
        allowed_channels: Channels of the action.
        default_channels: Channels of a payload that names none.
    """
    contact = read_contact(payload, rules=rules)
    if isinstance(contact, InvalidContact):
        return refusal_of(contact)
    tokens = tuple(token for _, token in payload.get("push_tokens", ()))
    requested_channels = [
        _full_channel_name(name) for name in payload.get("channels", ())
    ]
    if not set(requested_channels) <= set(allowed_channels):
        return PayloadRefusal(
            code="unknown-channel", reason="channels names an unknown channel"
        )
    reachable_by = {**contact.identifiers, **({"tokens": ""} if tokens else {})}
    if not reachable_by:
        return _NO_IDENTIFIER
    channels = tuple(
        name
        for name in requested_channels or default_channels
        if _required_identifier(name) in reachable_by
    )
    if not channels:
        return PayloadRefusal(
            code="no-channel", reason="no channel reaches the profile"
        )
    dropped_channel = ("channel",) if len(channels) < len(requested_channels) else ()
    return Subscriber(
        profile=_profile(payload, contact.identifiers),
        channels=channels,
        tokens=tokens if "push.marketing" in channels else (),
        dropped=contact.dropped + dropped_channel,
    )


def _full_channel_name(name: str) -> str:
    return name if "." in name else f"{name}.marketing"


def _required_identifier(channel: str) -> str:
    return ADDRESS_FIELDS[channel.partition(".")[0]] or "tokens"


def _profile(payload: Payload, identifiers: dict[str, str]) -> dict[str, str]:
    if not identifiers and payload.get("anonymous_id"):
        return {"anonymous_id": payload["anonymous_id"]}
    return identifiers
