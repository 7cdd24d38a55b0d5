"""Builders of consent changes for tests."""

from collections.abc import Collection
from typing import Any

from streams.actions.intents import Channel, Consent, ConsentChange

EMAIL = frozenset({Channel.EMAIL})
BOTH = frozenset({Channel.EMAIL, Channel.SMS})

_PROFILE_FIELDS = ("id", "email", "phone_number", "anonymous_id")


def consent_change(
    consent: Consent,
    *,
    channels: Collection[Channel] = EMAIL,
    **fields: Any,  # noqa: ANN401  # any field of the intent or of its profile
) -> ConsentChange:
    """Build a consent change; absent profile fields are left out."""
    profile = {name: fields.pop(name) for name in _PROFILE_FIELDS if name in fields}
    return ConsentChange(
        consent=consent,
        profile={name: value for name, value in profile.items() if value is not None},
        channels=tuple(channels),
        **fields,
    )


def subscription(**fields: Any) -> ConsentChange:  # noqa: ANN401  # any field
    """Build a consent change that subscribes a profile, by default to email."""
    return consent_change(Consent.SUBSCRIBED, **fields)
