"""Action Unsubscribe Profile: withdraw consent, on a list or for the account."""

from typing import Final

from streams.actions.definitions.consent_fields import (
    CONSENT_FIELDS,
    UNSUBSCRIBE_CHANNELS,
    read_subscriber,
)
from streams.actions.fields import Field, FieldKind, Payload, UnfitPolicy
from streams.actions.intents import ActionResult, Consent, ConsentChange, PayloadRefusal
from streams.actions.spec import ActionSpec
from streams.events.identifiers import ContactRules

_DEFAULT_CHANNELS: Final = ("email.marketing", "sms.marketing", "sms.transactional")


def _build(payload: Payload, rules: ContactRules) -> ActionResult:
    subscriber = read_subscriber(
        payload,
        rules=rules,
        allowed_channels=UNSUBSCRIBE_CHANNELS,
        default_channels=_DEFAULT_CHANNELS,
    )
    if isinstance(subscriber, PayloadRefusal):
        return subscriber
    change = ConsentChange(
        consent=Consent.UNSUBSCRIBED,
        profile=subscriber.profile,
        channels=subscriber.channels,
        list_id=payload.get("list_id", ""),
        everywhere=payload.get("everywhere", False),
        push_tokens=subscriber.tokens,
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
            description="Unsubscribe from everything if the profile isn't on the list.",
            kind=FieldKind.BOOLEAN,
            unfit=UnfitPolicy.REFUSE,
        ),
    ),
)
