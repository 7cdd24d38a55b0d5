"""Events a test writes by hand, and those of the workload."""

from collections.abc import Iterable
from typing import Any

import orjson

from agents.demo.workload.generator import ExpectedState, SampleEvent
from tests.journeys.harness import Record

START_MS = 1_760_000_000_000


def records(published: Iterable[SampleEvent]) -> list[Record]:
    """A workload as records."""
    return [(one.user, one.body) for one in published]


def members(wanted: ExpectedState) -> dict[str, list[str]]:
    """The truth as the sandbox tells it."""
    return {name: sorted(emails) for name, emails in wanted.members.items()}


def email_of(user: str) -> str:
    """Return a user's e-mail address."""
    return f"{user}@example.com"


def profile_of(user: str) -> dict[str, str]:
    """A user as the sandbox is told of them."""
    return {"external_id": user, "email": email_of(user)}


def users(name: str, count: int, *, start: int = 0) -> list[str]:
    """Users nobody else has."""
    return [f"{name}-{number}" for number in range(start, start + count)]


def moves(
    who: Iterable[str],
    audience: str,
    *,
    entered: bool,
    at_s: int = 0,
    list_id: str = "",
) -> list[Record]:
    """Create one transition per user, `at_s` seconds after the start."""
    personas: dict[str, Any] = {
        "computation_class": "audience",
        "computation_key": audience,
    }
    if list_id:
        personas["audience_settings"] = {"listId": list_id}
    return [
        (
            user,
            orjson.dumps(
                {
                    "type": "track",
                    "event": "Audience Entered" if entered else "Audience Exited",
                    "userId": user,
                    "messageId": f"{user}-{audience}-{at_s}",
                    "timestamp": START_MS + at_s * 1000,
                    "properties": {"audience_key": audience},
                    "context": {
                        "personas": personas,
                        "traits": {"email": email_of(user)},
                    },
                }
            ),
        )
        for user in who
    ]
