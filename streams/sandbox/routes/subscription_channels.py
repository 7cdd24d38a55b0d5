"""Member `subscriptions` of a consent request: which channels, for what, since when."""

from typing import Literal

from streams.sandbox.account.consent_state import Purpose
from streams.sandbox.jsonapi import bodies
from streams.sandbox.jsonapi.errors import bad_request
from streams.sandbox.jsonapi.messages import JsonObject
from streams.sandbox.jsonapi.times import parse_seconds

_PURPOSES = {
    "email": ("marketing", "open_tracking"),
    "sms": ("marketing", "transactional"),
    "whatsapp": ("marketing", "transactional", "conversational"),
    "push": ("marketing",),
}
"""Channels and purposes of the (un)subscribe jobs, Klaviyo OpenAPI 2026-07-15."""

_ADDRESS_FIELDS = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
"""The address a channel writes to."""


def parse_purposes(
    attributes: JsonObject,
    *,
    pointer: str,
    consent: Literal["SUBSCRIBED", "UNSUBSCRIBED"],
    now_s: float,
    historical: bool = False,
) -> dict[Purpose, float | None]:
    """Read what one profile consents to, or no longer.

    Args:
        attributes: Member `attributes` of the profile.
        pointer: JSON pointer of it.
        consent: The one consent this request may set.
        now_s: Consent cannot lie ahead of it.
        historical: Whether the request is a historical import.

    Returns:
        Purpose to when consent was given; None where that is not said.

    Raises:
        Refusal: 400, with a pointer.
    """
    channels = bodies.required_object(attributes, "subscriptions", pointer=pointer)
    pointer = f"{pointer}/subscriptions"
    purposes: dict[Purpose, float | None] = {}
    for channel in channels:
        if channel not in _PURPOSES:
            raise bad_request("Unknown channel.", pointer=f"{pointer}/{channel}")
        needed = _ADDRESS_FIELDS.get(channel)
        if needed and not attributes.get(needed):
            raise bad_request(
                f"'{needed}' is required.", pointer=f"{pointer}/{channel}"
            )
        channel_json = bodies.required_object(channels, channel, pointer=pointer)
        for name in channel_json.keys() & set(_PURPOSES[channel]):
            purpose_pointer = f"{pointer}/{channel}/{name}"
            purpose_json = bodies.required_object(
                channel_json, name, pointer=f"{pointer}/{channel}"
            )
            if purpose_json.get("consent") != consent:
                raise bad_request(
                    f"'consent' must be {consent}.",
                    pointer=f"{purpose_pointer}/consent",
                )
            purposes[channel, name] = _consented_at(
                purpose_json,
                pointer=purpose_pointer,
                now_s=now_s,
                historical=historical,
            )
    if not purposes:
        raise bad_request("At least one channel is required.", pointer=pointer)
    return purposes


def _consented_at(
    purpose_json: JsonObject, *, pointer: str, now_s: float, historical: bool
) -> float | None:
    """Read `consented_at`: due in a historical import, refused in any other."""
    pointer = f"{pointer}/consented_at"
    value = purpose_json.get("consented_at")
    if value is None:
        if historical and "consent" in purpose_json:
            raise bad_request("'consented_at' is required.", pointer=pointer)
        return None
    if not historical:
        raise bad_request(
            "Only a historical import has 'consented_at'.", pointer=pointer
        )
    at_s = parse_seconds(value)
    if at_s is None or at_s >= now_s:
        raise bad_request("'consented_at' must lie in the past.", pointer=pointer)
    return at_s
