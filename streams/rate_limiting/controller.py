"""Control law: each worker learns a share of a quota that other users spend too.

The limiter calls `on_response` for every response.

Klaviyo counts the requests of an account in fixed windows, and every worker and every
other tool with the account spends from the same quota. No worker knows how many others
there are. The law below lets each worker find a fair share from the `RateLimit-*`
headers alone. L is the steady quota (requests per window), T = 60 s the window:

    rate           = quota_share * window_factor * L / T        (`pacing.py`)
    window_factor  = remaining_quota / remaining_time, 0 to 3   until the window ends
    quota_share   *= exp(sample_weight * (SHARE_GAIN * surplus
                         + SHARE_PULL * contention * ln(SHARE_ANCHOR / quota_share)))
    quota_share   *= THROTTLE_CUT                               on a 429 (steady window)

    remaining_quota   RateLimit-Remaining above a reserve, as a fraction of L
    remaining_time    RateLimit-Reset as a fraction of T
    surplus           remaining_quota - remaining_time
    sample_weight     time since the last response as a fraction of T
    contention        0 to 1: how much other workers and tools use the quota

- `window_factor` spreads the remaining quota evenly over the remaining time. All
  workers read the same two headers, so all slow down by the same factor when another
  tool or worker starts, whatever their number, and no early worker uses up a window.
- `surplus` measures how far the account is above the straight line from a full quota
  to an empty one. The mean of `surplus` over a window is (1 - sum of all shares) / 4,
  so SHARE_GAIN leads the sum of the shares, other tools included, to 1. This term is
  the increase and decrease by `remaining`.
- SHARE_PULL makes the shares equal: a share above SHARE_ANCHOR loses more, and a share
  below SHARE_ANCHOR gains more, relative to its size. This term is the additive
  increase (of the logarithm) in AIMD. The pull moves the sum of the shares a few
  percent away from 1; `window_factor` makes up for the difference.
- The reserve is kept for requests of other tools that arrive unseen. The reserve is a
  multiple of the square root of L, because the spread of random arrivals grows so.
- The reserve and SHARE_PULL shrink with `contention`. A worker without contention takes
  the whole quota at once (SOLE_USER_GAIN), and `window_factor` alone then spends the
  window to the last request.
- Without headers the share grows e-fold in a third of a window until the first 429,
  then about 4 % per window; a 429 cuts the share to 65 %. That is plain AIMD.

Estimates of the window's end and of the usage by others are in `window_estimate.py`.
Constants without another source were chosen by running `tests/benchmarks/pacing.py`.
"""

import math

import msgspec

from streams.rate_limiting.pacing import (
    BURST_WINDOW_S,
    STEADY_WINDOW_S,
    EndpointPacing,
    Quota,
    RequestOutcome,
    Signals,
    backoff_s,
    next_token_at_s,
    rate_per_s,
    tokens_at,
)
from streams.rate_limiting.window_estimate import (
    RESET_ROUNDING_S,
    estimate_other_usage,
    window_end_s,
)

SHARE_GAIN = 5.0
"""Growth rate of the sum of the shares towards 1, in e-folds per window and unit of
surplus."""

SHARE_PULL = 0.08
"""Rate at which shares become equal, in e-folds per window: one e-fold in 1 / 0.08
windows, about 13 minutes at full contention."""

SHARE_ANCHOR = 0.18
"""Share (fraction of the steady quota) at which SHARE_PULL has no effect: between the
share of one worker beside a tool (0.7) and the share of one of 16 workers (0.044)."""

WINDOW_FACTOR_MAX = 3.0
"""Upper bound of `window_factor` (no unit): a reset time reported some seconds late
must not make the worker send more than three times its rate in these seconds."""

THROTTLE_CUT = 0.9
"""Factor on the share for a 429 of the steady window while headers arrive. A small cut
is enough, because the headers already steer the share."""

RESERVE_FACTOR = 0.3
"""Reserve for unseen requests, in square roots of the steady quota: 3.7 of 150
requests."""

OWN_REQUEST_OFFSET = 0.5
"""Requests added to RateLimit-Remaining: just after a worker's own request the header
is half a request below its mean."""

SMALL_QUOTA_PER_MIN = 150
"""Steady quota in requests per minute below which the share changes more slowly,
because a single request is a large fraction of a small quota."""

FULL_CONTENTION_USAGE = 0.1
"""Usage by others, as a fraction of the steady quota, that counts as full contention
(1); less usage counts in proportion."""

UNSEEN_USAGE = 0.05
"""Usage by others that one observed window may hide, in requests divided by the square
root of the steady quota and by the quota."""

SOLE_USER_GAIN = 30.0
"""Rate at which a sole user takes the whole quota, in e-folds per window: one in 2
s."""

RESET_GUARD_S = 1.0
"""Seconds added to the window, because RateLimit-Reset is rounded to whole seconds."""

SOLE_USER_RESET_GUARD_S = 0.3
"""Seconds added to the window instead of RESET_GUARD_S for a sole user of the quota: no
other sender adds to the error."""

RESET_GUARD_INTERVALS = 0.2
"""Further seconds added, in multiples of the worker's own interval between requests: a
slow worker sees the remaining quota rarely."""

RESET_GUARD_INTERVALS_MAX_S = 15.0
"""Upper bound, in seconds, for the addition by RESET_GUARD_INTERVALS."""

SHARE_MIN = 0.001
"""Smallest share (fraction of the steady quota). `pacing.PROBE_INTERVAL_MAX_S`
keeps a worker with this share probing."""

HEADERS_STALE_AFTER_S = 120.0
"""Seconds (two steady windows) without RateLimit headers after which the law without
headers applies."""

NO_HEADERS_INITIAL_GROWTH = 3.0
"""Growth of the share without headers before the first 429, in e-folds per window."""

NO_HEADERS_GROWTH = 0.04
"""Growth of the share without headers after the first 429, in e-folds per window: slow,
because only a 429 shows the limit."""

NO_HEADERS_PULL = 0.01
"""SHARE_PULL for the law without headers, in e-folds per window."""

NO_HEADERS_CUT = 0.65
"""Factor on the share for a 429 without headers: the only decrease in that law, hence
larger than THROTTLE_CUT."""

_JITTER_SCALE = 64
"""`jitter * 64 % 1` is as random as `jitter` and independent of the backoff drawn
from the same number."""


def on_response(
    pacing: EndpointPacing, signals: Signals, *, now_s: float, jitter: float
) -> EndpointPacing:
    """Return the state after the response to a request.

    Args:
        pacing: State before the response.
        signals: Rate-limit signals of the response.
        now_s: Arrival time of the response.
        jitter: A random number in [0, 1), for the wait after a failure.
    """
    pacing = msgspec.structs.replace(
        pacing,
        in_flight=max(0, pacing.in_flight - 1),
        quota=Quota(
            burst_per_s=signals.burst_per_s or pacing.quota.burst_per_s,
            steady_per_min=signals.steady_per_min or pacing.quota.steady_per_min,
        ),
        tokens=tokens_at(pacing, now_s=now_s),
        tokens_updated_s=max(now_s, pacing.tokens_updated_s),
    )
    match signals.outcome:
        case RequestOutcome.SERVED:
            pacing = _on_success(pacing, signals, now_s=now_s)
        case RequestOutcome.THROTTLED | RequestOutcome.FAILED:
            pacing = _pause_after_failure(pacing, signals, now_s=now_s, jitter=jitter)
        case RequestOutcome.ABANDONED:
            pass
    return msgspec.structs.replace(pacing, next_token_s=next_token_at_s(pacing))


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
            pacing = _on_throttle(pacing, signals, now_s=now_s)
        pacing = msgspec.structs.replace(pacing, failures=pacing.failures + 1)
    wait_s = signals.retry_after_s + backoff_s(pacing.failures, jitter=jitter)
    paused_until_s = max(pacing.paused_until_s, now_s + wait_s)
    return msgspec.structs.replace(
        pacing,
        paused_until_s=paused_until_s,
        tokens=min(pacing.tokens, jitter * _JITTER_SCALE % 1.0),
        tokens_updated_s=max(pacing.tokens_updated_s, paused_until_s),
    )


def _on_success(
    pacing: EndpointPacing, signals: Signals, *, now_s: float
) -> EndpointPacing:
    """Learn from a successful response."""
    # A response stands for the time since the previous response, but for at most two
    # intervals between requests: idle time holds no information about the share.
    since_s = min(
        now_s - pacing.last_success_s, 2.0 / rate_per_s(pacing), STEADY_WINDOW_S
    )
    weight = max(since_s, 0.0) / STEADY_WINDOW_S
    pacing = msgspec.structs.replace(pacing, last_success_s=now_s, failures=0)
    if signals.remaining is not None and signals.reset_s is not None:
        return _with_headers(
            pacing,
            now_s=now_s,
            latency_s=signals.latency_s,
            remaining=signals.remaining,
            ends_s=now_s + min(signals.reset_s, STEADY_WINDOW_S),
            weight=weight,
        )
    if now_s - pacing.last_headers_s > HEADERS_STALE_AFTER_S:
        return _without_headers(pacing, weight=weight)
    return pacing


def _on_throttle(
    pacing: EndpointPacing, signals: Signals, *, now_s: float
) -> EndpointPacing:
    """Cut the share after a 429.

    A 429 of the burst window (short Retry-After) is a random collision and says nothing
    about the share, so the share is cut for the steady window only.
    """
    cut = 1.0
    if now_s - pacing.last_headers_s > HEADERS_STALE_AFTER_S:
        cut = NO_HEADERS_CUT
    elif signals.retry_after_s > BURST_WINDOW_S:
        cut = THROTTLE_CUT
    return msgspec.structs.replace(
        pacing, quota_share=_clamp_share(pacing.quota_share * cut), was_throttled=True
    )


def _clamp_share(share: float) -> float:
    return min(max(share, SHARE_MIN), 1.0)


def _without_headers(pacing: EndpointPacing, *, weight: float) -> EndpointPacing:
    """Grow the share of an endpoint with responses without RateLimit headers."""
    push = NO_HEADERS_INITIAL_GROWTH
    if pacing.was_throttled:
        push = NO_HEADERS_GROWTH + NO_HEADERS_PULL * math.log(
            SHARE_ANCHOR / pacing.quota_share
        )
    share = pacing.quota_share
    if pacing.is_backlogged:
        share = min(share * math.exp(push * weight), 1.0)
    return msgspec.structs.replace(pacing, quota_share=share, window_factor=1.0)


def _with_headers(  # noqa: PLR0913  # each argument is one number of the control law
    pacing: EndpointPacing,
    *,
    now_s: float,
    latency_s: float,
    remaining: int,
    ends_s: float,
    weight: float,
) -> EndpointPacing:
    """Update the state from RateLimit headers.

    The headers describe the window as of half the latency ago.
    """
    ends_s = window_end_s(
        pacing, ends_s=ends_s, max_late_s=RESET_ROUNDING_S + latency_s
    )
    if ends_s < min(now_s, pacing.window_ends_s - STEADY_WINDOW_S / 2):
        return pacing  # a response for a later window came first
    other_usage, observed_windows = estimate_other_usage(
        pacing, remaining=remaining, now_s=now_s, ends_s=ends_s
    )
    unseen_usage = (
        UNSEEN_USAGE / math.sqrt(pacing.quota.steady_per_min) / observed_windows
    )
    contention = min(1.0, (abs(other_usage) + unseen_usage) / FULL_CONTENTION_USAGE)
    remaining_s = max(ends_s - (now_s - latency_s / 2), 0.0)
    remaining_quota = _remaining_quota(
        pacing, remaining=remaining, contention=contention
    )
    guard_s = SOLE_USER_RESET_GUARD_S + contention * (
        RESET_GUARD_S
        - SOLE_USER_RESET_GUARD_S
        + min(RESET_GUARD_INTERVALS / rate_per_s(pacing), RESET_GUARD_INTERVALS_MAX_S)
    )
    window_factor = remaining_quota / _remaining_time(remaining_s, guard_s=guard_s)
    surplus = remaining_quota - _remaining_time(remaining_s, guard_s=RESET_GUARD_S)
    return msgspec.structs.replace(
        pacing,
        last_headers_s=now_s,
        remaining=remaining,
        other_usage=other_usage,
        observed_windows=observed_windows,
        window_ends_s=ends_s,
        window_factor=min(window_factor, WINDOW_FACTOR_MAX),
        quota_share=_adjust_share(
            pacing, surplus=surplus, contention=contention, weight=weight
        ),
    )


def _remaining_quota(
    pacing: EndpointPacing, *, remaining: int, contention: float
) -> float:
    limit = pacing.quota.steady_per_min
    reserve = RESERVE_FACTOR * math.sqrt(limit) * contention
    return min(
        max((remaining + OWN_REQUEST_OFFSET - reserve) / (limit - reserve), 0.0), 1.0
    )


def _remaining_time(remaining_s: float, *, guard_s: float) -> float:
    return (remaining_s + guard_s) / (STEADY_WINDOW_S + guard_s)


def _adjust_share(
    pacing: EndpointPacing, *, surplus: float, contention: float, weight: float
) -> float:
    """Return the share after a response.

    A worker without a backlog keeps its share: an idle account always shows surplus,
    and the share would grow without use.
    """
    if not pacing.is_backlogged:
        return pacing.quota_share
    damping = min(
        1.0, max(pacing.quota.steady_per_min / SMALL_QUOTA_PER_MIN, 1.0 - contention)
    )
    push = SHARE_GAIN * surplus + SHARE_PULL * contention * math.log(
        SHARE_ANCHOR / pacing.quota_share
    )
    share = pacing.quota_share * math.exp(damping * push * weight)
    sole_user_pull = min(1.0, (1.0 - contention) * SOLE_USER_GAIN * weight)
    return _clamp_share(share ** (1.0 - sole_user_pull))
