"""Audience events: a track call, or a trait of the profile."""

from typing import Any

from agents.demo.workload.sample_event import Occurrence, SampleEvent
from agents.demo.workload.users import email_of


def audience_track(moment: Occurrence, audience: str, *, entered: bool) -> SampleEvent:
    """Create an `Audience Entered` or `Audience Exited` event."""
    body = {
        "type": "track",
        "event": "Audience Entered" if entered else "Audience Exited",
        "properties": {"audience_key": audience, audience: entered},
    }
    return _audience_event(moment, audience, body, entered=entered)


def audience_trait(moment: Occurrence, audience: str, *, entered: bool) -> SampleEvent:
    """Create an identify event with a trait of the audience's name."""
    traits = {audience: entered, "email": email_of(moment.user)}
    body = {"type": "identify", "traits": traits}
    return _audience_event(moment, audience, body, entered=entered)


def _audience_event(
    moment: Occurrence, audience: str, body: dict[str, Any], *, entered: bool
) -> SampleEvent:
    return SampleEvent(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.encode_event({**body, "context": _context(moment.user, audience)}),
        audience=audience,
        entered=entered,
    )


def _context(user: str, audience: str) -> dict[str, Any]:
    return {
        "personas": {
            "computation_class": "audience",
            "computation_id": f"aud_{audience}",
            "computation_key": audience,
        },
        "traits": {"email": email_of(user)},
    }
