"""Member `subscriptions` of a consent request: which channels, for what, since when."""

from typing import Literal

from streams.sandbox import bodies
from streams.sandbox.calls import Json
from streams.sandbox.errors import refuse
from streams.sandbox.standing import Purpose
from streams.sandbox.times import seconds

_OFFERED = {
    "email": ("marketing", "open_tracking"),
    "sms": ("marketing", "transactional"),
    "whatsapp": ("marketing", "transactional", "conversational"),
    "push": ("marketing",),
}
"""Channels and purposes of the (un)subscribe jobs, Klaviyo OpenAPI 2026-07-15."""

_NEEDS = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
"""The address a channel writes to."""


def purposes(
    names: Json,
    *,
    pointer: str,
    consent: Literal["SUBSCRIBED", "UNSUBSCRIBED"],
    now_s: float,
    historical: bool = False,
) -> dict[Purpose, float | None]:
    """Read what one profile consents to, or no longer.

    Args:
        names: Member `attributes` of the profile.
        pointer: JSON pointer of it.
        consent: The one consent this request may set.
        now_s: Consent cannot lie ahead of it.
        historical: Whether the request is a historical import.

    Returns:
        Purpose to when consent was given; None where that is not said.

    Raises:
        Refusal: 400, with a pointer.
    """
    channels = bodies.member(names, "subscriptions", pointer=pointer)
    pointer = f"{pointer}/subscriptions"
    found: dict[Purpose, float | None] = {}
    for channel in channels:
        if channel not in _OFFERED:
            raise refuse("Unknown channel.", pointer=f"{pointer}/{channel}")
        needed = _NEEDS.get(channel)
        if needed and not names.get(needed):
            raise refuse(f"'{needed}' is required.", pointer=f"{pointer}/{channel}")
        given = bodies.member(channels, channel, pointer=pointer)
        for name in given.keys() & set(_OFFERED[channel]):
            here = f"{pointer}/{channel}/{name}"
            said = bodies.member(given, name, pointer=f"{pointer}/{channel}")
            if said.get("consent") != consent:
                raise refuse(f"'consent' must be {consent}.", pointer=f"{here}/consent")
            found[channel, name] = _when(
                said, pointer=here, now_s=now_s, historical=historical
            )
    if not found:
        raise refuse("At least one channel is required.", pointer=pointer)
    return found


def _when(said: Json, *, pointer: str, now_s: float, historical: bool) -> float | None:
    """Read `consented_at`: due in a historical import, refused in any other."""
    pointer = f"{pointer}/consented_at"
    value = said.get("consented_at")
    if value is None:
        if historical and "consent" in said:
            raise refuse("'consented_at' is required.", pointer=pointer)
        return None
    if not historical:
        raise refuse("Only a historical import has 'consented_at'.", pointer=pointer)
    at_s = seconds(value)
    if at_s is None or at_s >= now_s:
        raise refuse("'consented_at' must lie in the past.", pointer=pointer)
    return at_s
