"""What one answer says about the quota."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_DIGITS_MAX = 9
"""A longer number in a rate-limit header is no number of requests or seconds."""

_POLICY = re.compile(r"\s*([0-9]{1,9})\s*;\s*w=([0-9]{1,9})\s*")
"""One window of `RateLimit-Limit`: `150;w=60`."""


class RequestOutcome(StrEnum):
    """How the request went, as far as pacing minds."""

    SERVED = "served"
    THROTTLED = "throttled"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What one answer says about the quota; None where it says nothing.

    Attributes:
        outcome: How the request went.
        retry_after_s: The least wait the answer asks for.
        remaining: Requests left in the steady window, for all tools on the key.
        reset_s: Seconds until the steady window ends.
        burst_per_s: Requests the one-second window admits.
        steady_per_min: Requests the sixty-second window admits.
        latency_s: How long the answer took.
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
    """Read the `RateLimit-*` headers of an answer.

    Args:
        headers: Header names in lower case, or a case-insensitive mapping.
        outcome: How the request went.
        retry_after_s: The least wait the answer asks for.
        latency_s: How long the answer took.
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
    """Read `10, 10;w=1, 150;w=60` as {1: 10, 60: 150}; a limit of 0 says nothing."""
    matches = (_POLICY.fullmatch(policy) for policy in text.split(","))
    windows = {int(match[2]): int(match[1]) for match in matches if match}
    return {length_s: limit for length_s, limit in windows.items() if limit > 0}


def _parse_whole_number(text: str) -> int | None:
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX:
        return int(text)
    return None
