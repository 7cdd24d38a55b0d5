"""State machine for the rate limiting of one endpoint, pure, with time as an argument.

The limiter calls three functions: `send_delay_s` (time until a request may leave),
`on_send` (a request leaves now) and `on_response` (a response arrived).
`controller.py` learns the rate, and `token_flow.py` turns the rate into sending times.
"""

import msgspec

from streams.rate_limiting.backoff import backoff_s
from streams.rate_limiting.controller import on_success, on_throttle
from streams.rate_limiting.signals import RequestOutcome, Signals
from streams.rate_limiting.state import EndpointPacing, Quota
from streams.rate_limiting.token_flow import (
    BURST_WINDOW_S,
    PROBE_INTERVAL_MAX_S,
    STEADY_WINDOW_S,
    min_gap_s,
    next_token_at_s,
    rate_per_s,
    tokens_at,
)

__all__ = [
    "BURST_WINDOW_S",
    "PROBE_INTERVAL_MAX_S",
    "STEADY_WINDOW_S",
    "EndpointPacing",
    "Quota",
    "on_response",
    "on_send",
    "send_delay_s",
]

_BACKLOG_INTERVALS = 0.7
"""A request that leaves within this many of the worker's own intervals after the token
was ready shows a backlog."""

_DEBT_MAX = 1.0
"""Largest debt in tokens for a caller that sends without waiting."""

_JITTER_SCALE = 64
"""`jitter * 64 % 1` is as random as `jitter` and independent of the backoff drawn
from the same number."""


def send_delay_s(pacing: EndpointPacing, *, now_s: float) -> float:
    """Return the seconds until a request may leave; 0 means now."""
    spaced_s = pacing.last_sent_s + min_gap_s(pacing)
    return max(now_s, pacing.paused_until_s, pacing.next_token_s, spaced_s) - now_s


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


def on_response(
    pacing: EndpointPacing, signals: Signals, *, now_s: float, jitter: float
) -> EndpointPacing:
    """Return the state after the response to one request.

    Args:
        pacing: State before the response.
        signals: Rate-limit signals of the response.
        now_s: Arrival time of the response.
        jitter: A random number in [0, 1), for the wait after a failure.
    """
    pacing = msgspec.structs.replace(
        pacing,
        in_flight=max(0, pacing.in_flight - 1),
        quota=_updated_quota(pacing.quota, signals),
        tokens=tokens_at(pacing, now_s=now_s),
        tokens_updated_s=max(now_s, pacing.tokens_updated_s),
    )
    match signals.outcome:
        case RequestOutcome.SERVED:
            pacing = on_success(pacing, signals, now_s=now_s)
        case RequestOutcome.THROTTLED | RequestOutcome.FAILED:
            pacing = _pause_after_failure(pacing, signals, now_s=now_s, jitter=jitter)
        case RequestOutcome.ABANDONED:
            pass
    return msgspec.structs.replace(pacing, next_token_s=next_token_at_s(pacing))


def _updated_quota(quota: Quota, signals: Signals) -> Quota:
    burst_per_s = signals.burst_per_s or quota.burst_per_s
    steady_per_min = signals.steady_per_min or quota.steady_per_min
    if (burst_per_s, steady_per_min) == (quota.burst_per_s, quota.steady_per_min):
        return quota
    return Quota(burst_per_s=burst_per_s, steady_per_min=steady_per_min)


def _pause_after_failure(
    pacing: EndpointPacing, signals: Signals, *, now_s: float, jitter: float
) -> EndpointPacing:
    """Pause the endpoint after a failure.

    A failure during a pause belongs to the same outage and is not counted again. The
    tokens after the pause are random, so that workers released by the same reset send
    spread over their interval instead of together.
    """
    if now_s >= pacing.paused_until_s:
        if signals.outcome is RequestOutcome.THROTTLED:
            pacing = on_throttle(pacing, signals, now_s=now_s)
        pacing = msgspec.structs.replace(pacing, failures=pacing.failures + 1)
    wait_s = signals.retry_after_s + backoff_s(pacing.failures, jitter=jitter)
    paused_until_s = max(pacing.paused_until_s, now_s + wait_s)
    return msgspec.structs.replace(
        pacing,
        paused_until_s=paused_until_s,
        tokens=min(pacing.tokens, jitter * _JITTER_SCALE % 1.0),
        tokens_updated_s=max(pacing.tokens_updated_s, paused_until_s),
    )
