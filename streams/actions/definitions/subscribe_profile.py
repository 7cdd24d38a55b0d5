"""Action Subscribe Profile: consent to channels, on a list or for the account."""

from typing import Final

from streams.actions.definitions.consent_fields import (
    CONSENT_FIELDS,
    SUBSCRIBE_CHANNELS,
    read_subscriber,
)
from streams.actions.definitions.profile_fields import first_path
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import ActionResult, Consent, ConsentChange, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules

SEGMENT_SOURCE: Final = "-59"
"""Klaviyo's number for consent that comes from Segment."""

_DEFAULT_CHANNELS: Final = ("email.marketing", "sms.marketing")


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    subscriber = read_subscriber(
        payload,
        rules=rules,
        allowed_channels=SUBSCRIBE_CHANNELS,
        default_channels=_DEFAULT_CHANNELS,
    )
    if isinstance(subscriber, PayloadRefusal):
        return subscriber
    historical = payload.get("historical_import", False)
    consented_at = payload.get("consented_at", "") if historical else ""
    if historical and not consented_at:
        reason = "consented_at is missing; a historical import needs it"
        return PayloadRefusal(code="missing-field", reason=reason)
    change = ConsentChange(
        consent=Consent.SUBSCRIBED,
        profile=subscriber.profile,
        channels=subscriber.channels,
        list_id=payload.get("list_id", ""),
        custom_source=payload.get("custom_source", SEGMENT_SOURCE),
        historical_import=historical,
        consented_at=consented_at,
        push_tokens=subscriber.tokens,
        dropped=subscriber.dropped,
    )
    return (change,)


SUBSCRIBE_PROFILE: Final = ActionSpec(
    name="subscribeProfile",
    title="Subscribe Profile",
    trigger='type = "track" and event = "User Subscribed"',
    build=_build,
    batch_keys=("list_id", "custom_source", "historical_import"),
    fields=(
        *CONSENT_FIELDS,
        Field(
            name="custom_source",
            description="Source of the consent.",
            default=SEGMENT_SOURCE,
        ),
        Field(
            name="historical_import",
            description="The consent is from the past: no double opt-in, no flow.",
            kind=FieldKind.BOOLEAN,
            unfit=UnfitPolicy.REFUSE,
            default=False,
        ),
        Field(
            name="consented_at",
            description="Time of the consent; for a historical import only.",
            kind=FieldKind.TIME,
            unfit=UnfitPolicy.REFUSE,
            default=first_path("$.timestamp"),
        ),
    ),
)
