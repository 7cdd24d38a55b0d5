"""Events of people who share an address."""

from typing import Any, Final

from tests.streams.klaviyo.fakes import START_S

SHARED, OTHER = "home@example.com", "work@example.com"
ENTERED, EXITED = "Audience Entered", "Audience Exited"
START_MS: Final = int(START_S * 1000) - 3_600_000

Event = dict[str, Any]


def moved(event: str, user: str, number: int, email: str = SHARED) -> Event:
    """Return an audience event; a greater number happened later."""
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": START_MS + number * 60_000,
        "properties": {"audience_key": "vip"},
        "context": {"traits": {"email": email}},
    }


def identified(user: str, number: int, email: str) -> Event:
    """Return an identify call that gives the user an address."""
    return {
        "type": "identify",
        "userId": user,
        "messageId": f"{user}-{number}",
        "timestamp": START_MS + number * 60_000,
        "traits": {"email": email},
    }
