"""Timestamps read."""

from datetime import UTC, datetime


def parse_timestamp_s(text: object) -> float | None:
    """Read an ISO 8601 timestamp; UTC where it names no zone.

    Returns:
        Seconds since the epoch; None when it is no timestamp.
    """
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
