"""How an audience tells of a user: by a track call, or by a flag of the profile."""

from typing import Any

from agents.demo.happening import Happening, Moment
from agents.demo.people import email_of


def word(moment: Moment, audience: str, *, entered: bool) -> Happening:
    """`Audience Entered` or `Audience Exited`."""
    body = {
        "type": "track",
        "event": "Audience Entered" if entered else "Audience Exited",
        "properties": {"audience_key": audience, audience: entered},
    }
    return _told(moment, audience, body, entered=entered)


def flag(moment: Moment, audience: str, *, entered: bool) -> Happening:
    """A trait that has the audience's name."""
    traits = {audience: entered, "email": email_of(moment.user)}
    body = {"type": "identify", "traits": traits}
    return _told(moment, audience, body, entered=entered)


def _told(
    moment: Moment, audience: str, body: dict[str, Any], *, entered: bool
) -> Happening:
    return Happening(
        user=moment.user,
        time_ms=moment.time_ms,
        body=moment.bytes_of({**body, "context": _context(moment.user, audience)}),
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
