"""Checks and encoding of consent changes."""

from typing import TypeAlias

import orjson

from streams.actions.intents import Channel, Consent, ConsentChange
from streams.klaviyo.payloads.consent_requests import consent_resource

Addresses: TypeAlias = dict[str, str]
"""`email` and `phone_number` of one consent change, as far as present."""

_ADDRESS_FIELDS = ("email", "phone_number")


def channels_of(change: ConsentChange) -> frozenset[Channel]:
    """Return the channels of a consent change."""
    return frozenset(map(Channel, change.channels))


def contact_addresses(change: ConsentChange) -> Addresses:
    """Return the email address and phone number of a change that are not empty."""
    pairs = ((field, change.profile.get(field)) for field in _ADDRESS_FIELDS)
    return {field: value for field, value in pairs if value}


def channel_addresses(change: ConsentChange) -> Addresses:
    """Return the addresses that a change's channels write to.

    A change for push alone has all addresses of the profile.
    """
    fields = {channel.address_field for channel in channels_of(change)} - {""}
    return {
        field: value
        for field, value in contact_addresses(change).items()
        if not fields or field in fields
    }


def unsubscribe_resource(change: ConsentChange) -> bytes:
    """Encode the profile of a change that withdraws consent."""
    return consent_resource(
        channel_addresses(change),
        channels_of(change),
        consent={"consent": Consent.UNSUBSCRIBED.value},
        push_tokens=change.push_tokens,
    )


def consent_fault(change: ConsentChange) -> str:
    """Return the reason a consent change cannot be sent; empty for a valid change."""
    if not change.channels:
        return "no-channel"
    texts = (*map(change.profile.get, _ADDRESS_FIELDS), change.list_id)
    if not all(map(is_sendable_text, texts)):
        return "not-text"
    if not _is_json(change.push_tokens):
        return "not-json: push_tokens"
    addresses = contact_addresses(change)
    for channel in sorted(channels_of(change)):
        field = channel.address_field
        if field and field not in addresses:
            return f"no-{field.replace('_', '-')}: needed for {channel}"
    return "" if addresses or _has_other_identifier(change) else "no-identifier"


def is_sendable_text(value: object) -> bool:
    """Return True if a value is absent, or text that UTF-8 can hold."""
    if not isinstance(value, str):
        return value is None
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _has_other_identifier(change: ConsentChange) -> bool:
    """Return True if Klaviyo can find the profile of a change without addresses."""
    if change.consent is Consent.SUBSCRIBED:
        return bool(change.profile.get("id") or change.profile.get("anonymous_id"))
    return bool(change.push_tokens)


def _is_json(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
