"""How a worker learns its share of a quota it does not own alone.

The law, for a steady quota of L requests in T = 60 s, all parts of L or of T:

    rate    = share * level * L / T                       (`flow.py`)
    level   = room / time, 0 to 3                         until the window ends
    share  *= exp(weight * (GAIN * (room - time) + PULL * ln(ANCHOR / share)))
    share  *= 0.9                                         a 429 of the steady window

`room` is what RateLimit-Remaining leaves above a reserve, `time` what RateLimit-Reset
leaves of the window, `weight` the part of a window since the last answer.

- `level` spends what is left evenly over the time that is left. Everybody reads the
  same two numbers, so everybody slows by the same factor, however many there are, when
  another tool or worker comes; and nobody who comes first in a window can eat it.
- `room - time` says how far the key is above the straight line from full to empty. Its
  mean over a window is (1 - sum of all shares) / 4, so GAIN leads the sum to 1, what
  other tools take counted in. This is the increase and decrease by `remaining`.
- PULL makes shares alike: a share above ANCHOR loses more, a share below it gains more,
  relatively. It is the additive increase (in the logarithm) of AIMD. That it leaves the
  sum of the shares off 1 by some percent costs little, for `level` closes the gap.
- The reserve is for arrivals of other tools that nobody sees coming: a multiple of the
  square root of L, as the spread of random arrivals grows.
- `company`, 0 to 1, says how far somebody else uses the key, or may without having been
  seen in so short a time. The reserve and PULL fade with it, and whoever is alone takes
  the whole at once (ALONE): then `level` alone spends what is left to the last request.
- Without headers the share grows e-fold in a third of a window until the first 429,
  then some 4 % a window; a 429 cuts it to 65 %: AIMD alone.

The constants without another source were chosen with `tests/benchmarks/pacing.py`.
"""

import math

import msgspec

from streams.rate_limiting.signals import Signals
from streams.rate_limiting.state import EndpointPacing
from streams.rate_limiting.token_flow import BURST_WINDOW_S, STEADY_WINDOW_S, rate_per_s

SHARE_GAIN = 5.0
"""How fast the sum of the shares goes to one: e-fold a window."""

SHARE_PULL = 0.08
"""How fast shares become alike: e-fold in 1 / PULL windows, some 17 minutes."""

SHARE_ANCHOR = 0.18
"""Where PULL is nothing: between one worker (0.7 beside a tool) and 16 (0.044)."""

WINDOW_FACTOR_MAX = 3.0
"""A reset that is named late by some seconds must not triple more than those."""

THROTTLE_CUT = 0.9
"""Decrease for a 429 although the headers are followed."""

RESERVE_FACTOR = 0.3
"""Of the square root of the steady quota: 3.7 requests of 150."""

OWN_REQUEST_OFFSET = 0.5
"""Just after one's own request `remaining` is half a request below its mean."""

SMALL_QUOTA_PER_MIN = 150
"""Below this quota one request more or less is much, so all is learned slower."""

FULL_CONTENTION_USAGE = 0.1
"""Others that use a tenth of the quota count in full; below, more as if alone."""

OBSERVED_WINDOWS_MAX = 2.0
"""The use of others is followed by a half a window; by more, while less was seen."""

UNSEEN_USAGE = 0.05
"""What others may use without being seen in a window, over the square root of L."""

OBSERVED_WINDOWS_MIN = 0.02
"""Of a newcomer (`Pace.watched`), or where windows do not end when they should."""

SOLE_USER_GAIN = 30.0
"""How fast a worker takes the whole when nobody else uses the key: e-fold in 2 s."""

RESET_GUARD_S = 1.0
"""Remaining is spent as if the window were longer by this: Reset is rounded."""

SOLE_USER_RESET_GUARD_S = 0.3
"""And when nobody else uses the key."""

RESET_GUARD_INTERVALS = 0.2
"""And by this part of one's own interval: what is left is seen so seldom."""

RESET_GUARD_INTERVALS_MAX_S = 15.0
"""But not by more."""

RESET_ROUNDING_S = 1.5
"""Reset is rounded up to a second, and says it as late as the answer comes: a window
that ends later by no more is the same, and the earliest end is the truest."""

WINDOW_DRIFT_S = 0.003
"""How much a window's end may move each minute: 50 ppm, a bad quartz."""

SHARE_MIN = 0.001
"""A share never vanishes; `flow.PROBE_S` keeps it probing."""

HEADERS_STALE_AFTER_S = 120.0
"""Two steady windows without a header: there are none."""

NO_HEADERS_INITIAL_GROWTH = 3.0
"""Growth a window (e-fold) before the first 429, when there are no headers."""

NO_HEADERS_GROWTH = 0.04
"""And after it."""

NO_HEADERS_PULL = 0.01
"""PULL, when there are no headers."""

NO_HEADERS_CUT = 0.65
"""Decrease for a 429, when there are no headers."""


def on_success(
    pacing: EndpointPacing, signals: Signals, *, now_s: float
) -> EndpointPacing:
    """Learn from an answer that was served.

    Args:
        pacing: The state.
        signals: What the answer said.
        now_s: When it came.
    """
    weight = _sample_weight(pacing, now_s=now_s)
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
    return (
        _without_headers(pacing, weight=weight)
        if _headers_stale(pacing, now_s=now_s)
        else pacing
    )


def on_throttle(
    pacing: EndpointPacing, signals: Signals, *, now_s: float
) -> EndpointPacing:
    """Learn from a 429; one of the burst window is bad luck, not a share too large."""
    cut = 1.0
    if _headers_stale(pacing, now_s=now_s):
        cut = NO_HEADERS_CUT
    elif signals.retry_after_s > BURST_WINDOW_S:
        cut = THROTTLE_CUT
    return msgspec.structs.replace(
        pacing, quota_share=_clamp_share(pacing.quota_share * cut), throttled=True
    )


def _sample_weight(pacing: EndpointPacing, *, now_s: float) -> float:
    """Part of a window that an answer speaks for; an idle time says nothing."""
    since_s = min(
        now_s - pacing.last_success_s, 2.0 / rate_per_s(pacing), STEADY_WINDOW_S
    )
    return max(since_s, 0.0) / STEADY_WINDOW_S


def _headers_stale(pacing: EndpointPacing, *, now_s: float) -> bool:
    return now_s - pacing.last_headers_s > HEADERS_STALE_AFTER_S


def _clamp_share(share: float) -> float:
    return min(max(share, SHARE_MIN), 1.0)


def _without_headers(pacing: EndpointPacing, *, weight: float) -> EndpointPacing:
    """Grow; nothing but a 429 will say that it was too much."""
    push = NO_HEADERS_INITIAL_GROWTH
    if pacing.was_throttled:
        push = NO_HEADERS_GROWTH + NO_HEADERS_PULL * math.log(
            SHARE_ANCHOR / pacing.quota_share
        )
    share = (
        pacing.quota_share * math.exp(push * weight)
        if pacing.is_backlogged
        else pacing.quota_share
    )
    return msgspec.structs.replace(
        pacing, quota_share=_clamp_share(share), window_factor=1.0
    )


def _with_headers(  # noqa: PLR0913  # each is one number of the law, by its name
    pacing: EndpointPacing,
    *,
    now_s: float,
    latency_s: float,
    remaining: int,
    ends_s: float,
    weight: float,
) -> EndpointPacing:
    """Take in what RateLimit headers said of the window, half the latency ago."""
    ends_s = _window_end_s(
        pacing, ends_s=ends_s, max_late_s=RESET_ROUNDING_S + latency_s
    )
    if ends_s < min(now_s, pacing.window_ends_s - STEADY_WINDOW_S / 2):
        return pacing  # overtaken by an answer of a later window
    other_usage, observed_windows = _estimate_other_usage(
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
        others=other_usage,
        observed_windows=observed_windows,
        ends_s=ends_s,
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
    """Change the share; who has no backlog learns nothing, or it would grow idle."""
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


def _window_end_s(pacing: EndpointPacing, *, ends_s: float, max_late_s: float) -> float:
    """Say when the steady window ends, in the light of the ends named before.

    What an answer names is never too early, and too late by `max_late_s` at most.
    """
    if pacing.window_ends_s == -math.inf:
        return ends_s
    rounds = round((ends_s - pacing.window_ends_s) / STEADY_WINDOW_S)
    expected_end_s = pacing.window_ends_s + rounds * (STEADY_WINDOW_S + WINDOW_DRIFT_S)
    return (
        min(ends_s, expected_end_s) if ends_s - expected_end_s < max_late_s else ends_s
    )


def _estimate_other_usage(
    pacing: EndpointPacing, *, remaining: int, now_s: float, ends_s: float
) -> tuple[float, float]:
    """Follow the use of others; two answers of one window show it.

    Answers that overtake each other show too little and then too much: it evens out.
    What stays below zero is no fixed window, so `company` takes it for company.

    Returns:
        Their use, and how many windows it speaks for.
    """
    if (
        ends_s - pacing.window_ends_s + RESET_ROUNDING_S
    ) % STEADY_WINDOW_S > 2 * RESET_ROUNDING_S:
        return pacing.other_usage, OBSERVED_WINDOWS_MIN
    if ends_s - pacing.window_ends_s > STEADY_WINDOW_S / 2:
        return pacing.other_usage, pacing.observed_windows
    windows = (now_s - pacing.last_headers_s) / STEADY_WINDOW_S
    observed_windows = min(pacing.observed_windows + windows, OBSERVED_WINDOWS_MAX)
    observed_usage = (pacing.remaining - remaining - 1) / pacing.quota.steady_per_min
    other_usage = (
        pacing.other_usage
        + (observed_usage - pacing.other_usage * windows) / observed_windows
    )
    return min(max(other_usage, -1.0), 1.0), observed_windows
