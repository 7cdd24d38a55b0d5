"""Subscribe Profile: consent to a channel, on a list or for the account."""

from typing import Final

from streams.actions.consent import CONSENT_FIELDS, SUBSCRIBE_CHANNELS, subscriber_of
from streams.actions.fields import Field, Kind, Payload
from streams.actions.intents import Consent, ConsentChange, Refusal, Result
from streams.actions.people import path
from streams.actions.spec import ActionSpec
from streams.events.contact import ContactRules

SEGMENT_SOURCE: Final = "-59"
"""Klaviyo's number for consent that comes by way of Segment."""

_USUAL: Final = ("email.marketing", "sms.marketing")


def _build(payload: Payload, rules: ContactRules) -> Result:
    subscriber = subscriber_of(
        payload, rules=rules, known=SUBSCRIBE_CHANNELS, usual=_USUAL
    )
    if isinstance(subscriber, Refusal):
        return subscriber
    historical = payload.get("historical_import", False)
    consented_at = payload.get("consented_at", "") if historical else ""
    if historical and not consented_at:
        reason = "consented_at is missing; a historical import needs it"
        return Refusal(code="missing-field", reason=reason)
    change = ConsentChange(
        consent=Consent.SUBSCRIBED,
        profile=subscriber.profile,
        channels=subscriber.channels,
        list_id=payload.get("list_id", ""),
        custom_source=payload.get("custom_source", SEGMENT_SOURCE),
        historical_import=historical,
        consented_at=consented_at,
        tokens=subscriber.tokens,
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
            about="Where the consent comes from.",
            default=SEGMENT_SOURCE,
        ),
        Field(
            name="historical_import",
            about="It was given in the past: no double opt-in, no flow.",
            kind=Kind.BOOLEAN,
            default=False,
        ),
        Field(
            name="consented_at",
            about="When it was given; for a historical import only.",
            kind=Kind.TIME,
            default=path("$.timestamp"),
        ),
    ),
)
