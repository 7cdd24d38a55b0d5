"""Unsubscribe Profile: take consent back, on a list or for the account."""

from typing import Final

from streams.actions.consent import (
    CONSENT_FIELDS,
    UNSUBSCRIBE_CHANNELS,
    subscriber_of,
)
from streams.actions.fields import Field, Kind, Payload
from streams.actions.intents import Consent, ConsentChange, Refusal, Result
from streams.actions.spec import ActionSpec
from streams.events.contact import ContactRules

_USUAL: Final = ("email.marketing", "sms.marketing", "sms.transactional")


def _build(payload: Payload, rules: ContactRules) -> Result:
    subscriber = subscriber_of(
        payload, rules=rules, known=UNSUBSCRIBE_CHANNELS, usual=_USUAL
    )
    if isinstance(subscriber, Refusal):
        return subscriber
    change = ConsentChange(
        consent=Consent.UNSUBSCRIBED,
        profile=subscriber.profile,
        channels=subscriber.channels,
        list_id=payload.get("list_id", ""),
        everywhere=payload.get("everywhere", False),
        tokens=subscriber.tokens,
        dropped=subscriber.dropped,
    )
    return (change,)


UNSUBSCRIBE_PROFILE: Final = ActionSpec(
    name="unsubscribeProfile",
    title="Unsubscribe Profile",
    trigger='type = "track" and event = "User Unsubscribed"',
    build=_build,
    batch_keys=("list_id",),
    batch_size=100,
    fields=(
        *CONSENT_FIELDS,
        Field(
            name="everywhere",
            about="Unsubscribe from everything where the profile isn't on the list.",
            kind=Kind.BOOLEAN,
        ),
    ),
)
