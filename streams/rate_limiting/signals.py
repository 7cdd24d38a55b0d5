"""Rate-limit signals read from one response."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_DIGITS_MAX = 9
"""Longest number accepted in a rate-limit header: a longer one is not a plausible
count of requests or seconds."""

_POLICY = re.compile(r"\s*([0-9]{1,9})\s*;\s*w=([0-9]{1,9})\s*")
"""Pattern of one window in `RateLimit-Limit`, such as `150;w=60`."""


class RequestOutcome(StrEnum):
    """Result of a request, as far as rate limiting is concerned."""

    SERVED = "served"
    THROTTLED = "throttled"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Rate-limit information of one response; None where a header is missing.

    Attributes:
        outcome: Result of the request.
        retry_after_s: Shortest wait that the response asks for.
        remaining: Requests left in the steady window, for all users of the account.
        reset_s: Seconds until the steady window ends.
        burst_per_s: Requests admitted by the one-second window.
        steady_per_min: Requests admitted by the sixty-second window.
        latency_s: Time from the request to the response.
    """

    outcome: RequestOutcome
    retry_after_s: float = 0.0
    remaining: int | None = None
    reset_s: float | None = None
    burst_per_s: int | None = None
    steady_per_min: int | None = None
    latency_s: float = 0.0


def read_signals(
    headers: Mapping[str, str],
    *,
    outcome: RequestOutcome,
    retry_after_s: float = 0.0,
    latency_s: float = 0.0,
) -> Signals:
    """Read the `RateLimit-*` headers of a response.

    Args:
        headers: Header names in lower case, or a case-insensitive mapping.
        outcome: Result of the request.
        retry_after_s: Shortest wait that the response asks for.
        latency_s: Time from the request to the response.
    """
    windows = _parse_windows(headers.get("ratelimit-limit", ""))
    return Signals(
        outcome=outcome,
        retry_after_s=retry_after_s,
        remaining=_parse_whole_number(headers.get("ratelimit-remaining", "")),
        reset_s=_parse_whole_number(headers.get("ratelimit-reset", "")),
        burst_per_s=windows.get(1),
        steady_per_min=windows.get(60),
        latency_s=latency_s,
    )


def _parse_windows(text: str) -> dict[int, int]:
    """Parse `10, 10;w=1, 150;w=60` to {1: 10, 60: 150}; a limit of 0 is ignored."""
    matches = (_POLICY.fullmatch(policy) for policy in text.split(","))
    windows = {int(match[2]): int(match[1]) for match in matches if match}
    return {length_s: limit for length_s, limit in windows.items() if limit > 0}


def _parse_whole_number(text: str) -> int | None:
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX:
        return int(text)
    return None
