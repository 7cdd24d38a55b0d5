"""Pacing of an endpoint: state, sending times, backoff, all pure.

A token bucket turns a share of the quota into sending times: tokens accumulate at the
rate of the share, and each request costs one token. `controller.py` learns the share
from the signals of the responses.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import msgspec

INITIAL_QUOTA_SHARE = 0.25
"""Share of a new worker, as a fraction of the steady quota. A sole worker has the whole
quota a minute later, and 16 workers that start together adapt within one window."""

BURST_WINDOW_S = 1.1
"""Klaviyo's burst window in seconds (1 s: rate-limit page, "Burst"), plus a tenth for
requests that overtake others on the network."""

STEADY_WINDOW_S = 60.0
"""Klaviyo's steady window in seconds: rate-limit page, "Steady"."""

PROBE_INTERVAL_MAX_S = 240.0
"""Longest wait for a token in seconds, so that even the smallest share keeps probing.
Long enough that 16 probing workers use only a quarter of the smallest quota
(15/min)."""

_SAVED_TOKENS_MIN = 2.0
"""Tokens that an idle worker may always save."""

_SAVED_BURST_FRACTION = 0.5
"""Tokens that an idle worker may save, as a fraction of its share of the burst quota:
requests that arrive together may leave together."""

_BACKLOG_INTERVALS = 0.7
"""A request that leaves within this many of the worker's own intervals after the token
was ready shows a backlog."""

_DEBT_MAX = 1.0
"""Largest debt in tokens for a caller that sends without waiting."""

_BACKOFF_BASE_S = 0.5
"""Longest wait in seconds after the first failure."""

BACKOFF_CAP_S = 60.0
"""Longest wait in seconds after any failure: one steady window, so that a repaired
fault is noticed within a minute."""

_BACKOFF_DOUBLINGS_MAX = 16
"""Largest exponent: beyond any cap, and small however long an outage lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Limits of an endpoint; a request must fit both windows.

    Attributes:
        burst_per_s: Requests admitted in a one-second window.
        steady_per_min: Requests admitted in a sixty-second window.
    """

    burst_per_s: int
    steady_per_min: int

    def scaled(self, factor: float) -> "Quota":
        """Return the quota with both limits multiplied, each at least 1."""
        return Quota(
            burst_per_s=max(1, int(self.burst_per_s * factor)),
            steady_per_min=max(1, int(self.steady_per_min * factor)),
        )


class EndpointPacing(msgspec.Struct, frozen=True, kw_only=True):
    """State of an endpoint; a msgspec struct, since each request creates a new state.

    Attributes:
        quota: Limits of the endpoint, as published or as reported by headers.
        quota_share: Learned fraction (0 to 1) of the steady quota that this worker
            uses.
        window_factor: Factor on the rate until the steady window ends; below 1 when the
            remaining quota is too small for the remaining time.
        window_ends_s: End of the steady window; minus infinity before the first header.
        tokens: Saved requests; a request may leave when the value is 1.
        tokens_updated_s: Time for which `tokens` holds; during a pause, the pause's
            end.
        next_token_s: Time at which `tokens` reaches 1.
        last_sent_s: Time at which the latest request left.
        paused_until_s: Time before which no request leaves.
        is_backlogged: True if the latest request had to wait. A worker that does not
            need more than its share has nothing to learn.
        failures: Consecutive throttled or failed requests, counted once per pause.
        was_throttled: True after the first 429.
        in_flight: Requests without a response yet; for tests and debugging.
        last_success_s: Time of the latest successful response.
        last_headers_s: Time of the latest response with RateLimit headers.
        remaining: RateLimit-Remaining of that response.
        other_usage: Estimated usage by others per window, as a fraction of the quota.
        observed_windows: Number of windows on which `other_usage` is based.
    """

    quota: Quota
    quota_share: float = INITIAL_QUOTA_SHARE
    window_factor: float = 1.0
    window_ends_s: float = -math.inf
    tokens: float = 1.0
    tokens_updated_s: float = -math.inf
    next_token_s: float = -math.inf
    last_sent_s: float = -math.inf
    paused_until_s: float = -math.inf
    is_backlogged: bool = True
    failures: int = 0
    was_throttled: bool = False
    in_flight: int = 0
    last_success_s: float = -math.inf
    last_headers_s: float = -math.inf
    remaining: int = 0
    other_usage: float = 0.0
    observed_windows: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """Quota of an endpoint, and who uses it, at one moment.

    Attributes:
        quota: Limits of the endpoint.
        remaining: Requests left in the steady window; None before the first header.
        own_share: Learned fraction (0 to 1) of the steady quota that this worker uses.
        others_share: Estimated fraction (0 to 1) that other workers and tools use.
    """

    quota: Quota
    remaining: int | None
    own_share: float
    others_share: float


class RequestOutcome(StrEnum):
    """Result of a request, as far as rate limiting is concerned."""

    SERVED = "served"
    THROTTLED = "throttled"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Rate-limit information of a response; None where a header is missing.

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


def send_delay_s(pacing: EndpointPacing, *, now_s: float) -> float:
    """Return the seconds until a request may leave; 0 means now."""
    spaced_s = pacing.last_sent_s + BURST_WINDOW_S / pacing.quota.burst_per_s
    return max(now_s, pacing.paused_until_s, pacing.next_token_s, spaced_s) - now_s


def quota_use(pacing: EndpointPacing, *, now_s: float) -> QuotaUse:
    """Return the use of a quota; a window that has ended leaves the whole quota."""
    remaining: int | None = None
    if math.isfinite(pacing.last_headers_s):
        is_over = now_s >= pacing.window_ends_s
        remaining = pacing.quota.steady_per_min if is_over else pacing.remaining
    return QuotaUse(
        quota=pacing.quota,
        remaining=remaining,
        own_share=pacing.quota_share,
        others_share=max(0.0, pacing.other_usage),
    )


def on_send(pacing: EndpointPacing, *, now_s: float) -> EndpointPacing:
    """Return the state after a request leaves now."""
    idle_s = now_s - max(pacing.next_token_s, pacing.paused_until_s)
    pacing = msgspec.structs.replace(
        pacing,
        tokens=max(tokens_at(pacing, now_s=now_s) - 1.0, -_DEBT_MAX),
        tokens_updated_s=max(now_s, pacing.tokens_updated_s),
        last_sent_s=now_s,
        in_flight=pacing.in_flight + 1,
        is_backlogged=idle_s * rate_per_s(pacing) <= _BACKLOG_INTERVALS,
    )
    return msgspec.structs.replace(pacing, next_token_s=next_token_at_s(pacing))


def rate_per_s(pacing: EndpointPacing) -> float:
    """Return the requests per second that the share allows, over a whole window."""
    per_s = pacing.quota_share * pacing.quota.steady_per_min / STEADY_WINDOW_S
    return min(
        max(per_s, 1.0 / PROBE_INTERVAL_MAX_S),
        pacing.quota.burst_per_s / BURST_WINDOW_S,
    )


def tokens_at(pacing: EndpointPacing, *, now_s: float) -> float:
    """Return the tokens at a time; tokens do not accumulate during a pause."""
    tokens, at_s = pacing.tokens, pacing.tokens_updated_s
    if now_s <= at_s:
        return tokens
    rate = rate_per_s(pacing)
    if at_s < pacing.window_ends_s:
        until_s = min(now_s, pacing.window_ends_s)
        tokens += rate * pacing.window_factor * (until_s - at_s)
        at_s = until_s
    tokens += rate * (now_s - at_s)
    capacity = pacing.quota_share * pacing.quota.burst_per_s * _SAVED_BURST_FRACTION
    return min(tokens, max(capacity, _SAVED_TOKENS_MIN))


def next_token_at_s(pacing: EndpointPacing) -> float:
    """Return the time of the next full token.

    Saved tokens do not allow a request while the window has no quota left.
    """
    missing, at_s = 1.0 - pacing.tokens, pacing.tokens_updated_s
    if missing <= 0.0:
        return at_s if pacing.window_factor > 0.0 else max(at_s, pacing.window_ends_s)
    rate = rate_per_s(pacing)
    if at_s < pacing.window_ends_s:
        added = rate * pacing.window_factor * (pacing.window_ends_s - at_s)
        if added >= missing:
            return at_s + missing / (rate * pacing.window_factor)
        missing -= added
        at_s = pacing.window_ends_s
    return at_s + missing / rate


def backoff_s(failures: int, *, jitter: float) -> float:
    """Return the seconds to wait before the next attempt: exponential, full jitter.

    The wait is `jitter * min(60, 0.5 * 2 ** (failures - 1))`: up to 0.5, 1, 2, 4 ... 60
    seconds.

    Args:
        failures: Consecutive failures, the latest included; 0 means no wait.
        jitter: A random number in [0, 1).
    """
    if failures <= 0:
        return 0.0
    doublings = min(failures - 1, _BACKOFF_DOUBLINGS_MAX)
    return jitter * min(BACKOFF_CAP_S, math.ldexp(_BACKOFF_BASE_S, doublings))
