"""Timestamps read."""

from datetime import UTC, datetime


def seconds(text: object) -> float | None:
    """Read an ISO 8601 timestamp; UTC where it names no zone.

    Returns:
        Seconds since the epoch; None when it is no timestamp.
    """
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
