"""What Subscribe Profile and Unsubscribe Profile share: channels and who is meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from streams.actions.fields import Field, Kind, Payload
from streams.actions.intents import Refusal
from streams.actions.people import contact_fields, path, refused
from streams.events.contact import BadContact, ContactRules, read_contact

SUBSCRIBE_CHANNELS: Final = (
    "email.marketing",
    "sms.marketing",
    "sms.transactional",
    "whatsapp.marketing",
    "whatsapp.transactional",
    "push.marketing",
)
"""What one can subscribe to: `bulk_subscribe_profiles`, Klaviyo OpenAPI 2026-07-15."""

UNSUBSCRIBE_CHANNELS: Final = (*SUBSCRIBE_CHANNELS, "whatsapp.conversational")
"""What one can unsubscribe from: `bulk_unsubscribe_profiles`, the same."""

_NEEDS: Final = {
    "email": "email",
    "sms": "phone_number",
    "whatsapp": "phone_number",
    "push": "tokens",
}
"""What a channel reaches a profile by."""

_NOBODY: Final = Refusal(code="no-identifier", reason="no phone_number or email")

EMAIL: Final = path("$.traits.email", "$.context.traits.email")
PHONE: Final = path("$.traits.phone", "$.context.traits.phone")

CONSENT_FIELDS: Final = (
    *(
        field
        for field in contact_fields(email=EMAIL, phone=PHONE)
        if field.name != "external_id"
    ),
    Field(name="list_id", about="The Klaviyo list's id."),
    Field(
        name="channels",
        about="Channels, such as email, sms.transactional; by default those of the"
        " identifiers there are.",
        kind=Kind.TEXTS,
    ),
    Field(name="push_tokens", about="Push tokens, for push.", kind=Kind.OBJECTS),
    Field(name="anonymous_id", about="Names a profile that has only push tokens."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Whose consent changes, on which channels.

    Attributes:
        profile: Identifiers, as the two requests take them.
        channels: Of those there are, at least one.
        tokens: Push tokens.
        dropped: What was left out, a code each.
    """

    profile: dict[str, str]
    channels: tuple[str, ...]
    tokens: tuple[dict[str, Any], ...]
    dropped: tuple[str, ...]


def subscriber_of(
    payload: Payload,
    *,
    rules: ContactRules,
    known: Sequence[str],
    usual: Sequence[str],
) -> Subscriber | Refusal:
    """Read whose consent changes.

    A channel that cannot reach the profile is left out, and recorded.

    Args:
        payload: It fits the fields.
        rules: How contacts are read.
        known: Channels there are.
        usual: Those meant where the payload names none.
    """
    contact = read_contact(payload, rules=rules)
    if isinstance(contact, BadContact):
        return refused(contact)
    tokens = tuple(token for _, token in payload.get("push_tokens", ()))
    named = [_full(name) for name in payload.get("channels", ())]
    if not set(named) <= set(known):
        return Refusal(code="unknown-channel", reason="channels names one that is none")
    reach = {**contact.identifiers, **({"tokens": ""} if tokens else {})}
    if not reach:
        return _NOBODY
    channels = tuple(name for name in named or usual if _need(name) in reach)
    if not channels:
        return Refusal(code="no-channel", reason="no channel reaches the profile")
    missed = ("channel",) if len(channels) < len(named) else ()
    return Subscriber(
        profile=_profile(payload, contact.identifiers),
        channels=channels,
        tokens=tokens if "push.marketing" in channels else (),
        dropped=contact.dropped + missed,
    )


def _full(name: str) -> str:
    return name if "." in name else f"{name}.marketing"


def _need(channel: str) -> str:
    return _NEEDS[channel.partition(".")[0]]


def _profile(payload: Payload, identifiers: dict[str, str]) -> dict[str, str]:
    if not identifiers and payload.get("anonymous_id"):
        return {"anonymous_id": payload["anonymous_id"]}
    return identifiers
