"""The pace of one endpoint: a pure state machine with the clock as an argument.

Three questions, and all the gate knows of pacing: `next_free_s` (how long until a
request may leave), `spend` (one leaves now), `fed` (an answer came back). A controller
that learns its rate replaces what is behind them.

The burst window is kept as the last send times, so that no second of any clock holds
more than the burst. The steady window is fixed, as Klaviyo's is: opened by the first
request, moved to where Klaviyo has it by the first answer with RateLimit headers.
"""

import math
from dataclasses import dataclass, replace

from streams.pacing.backoff import backoff_s
from streams.pacing.signals import Outcome, Signals

BURST_WINDOW_S = 1.1
"""Klaviyo's burst window is 1 s; a tenth more for requests that overtake others."""

STEADY_WINDOW_S = 60.0
"""Klaviyo's steady window: rate-limit page, "Steady"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What an endpoint admits: `burst_per_s` and `steady_per_min`, both at once."""

    burst_per_s: int
    steady_per_min: int

    def scaled(self, factor: float) -> "Quota":
        """Multiply both windows, never below one request."""
        return Quota(
            burst_per_s=max(1, int(self.burst_per_s * factor)),
            steady_per_min=max(1, int(self.steady_per_min * factor)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The state of one endpoint.

    Attributes:
        quota: What the endpoint admits, as far as is known.
        sent_s: When the latest requests left, at most `burst_per_s` of them.
        left: Requests left in the steady window; below zero when others spent more.
        steady_ends_s: When the steady window ends.
        held_until_s: Nothing leaves before.
        failures: Throttled or failed requests in a row, one for each rest.
        in_flight: Requests without an answer yet.
    """

    quota: Quota
    sent_s: tuple[float, ...] = ()
    left: int = 0
    steady_ends_s: float = -math.inf
    held_until_s: float = -math.inf
    failures: int = 0
    in_flight: int = 0


def next_free_s(pace: Pace, *, now_s: float) -> float:
    """Say how long until a request may leave; 0 means now."""
    free_s = max(now_s, pace.held_until_s)
    if len(pace.sent_s) >= pace.quota.burst_per_s:
        free_s = max(free_s, pace.sent_s[-pace.quota.burst_per_s] + BURST_WINDOW_S)
    if pace.left <= 0:
        free_s = max(free_s, pace.steady_ends_s)
    return free_s - now_s


def spend(pace: Pace, *, now_s: float) -> Pace:
    """Let one request leave now."""
    if now_s >= pace.steady_ends_s:
        pace = replace(
            pace, left=pace.quota.steady_per_min, steady_ends_s=now_s + STEADY_WINDOW_S
        )
    return replace(
        pace,
        sent_s=(*pace.sent_s, now_s)[-pace.quota.burst_per_s :],
        left=pace.left - 1,
        in_flight=pace.in_flight + 1,
    )


def fed(pace: Pace, signals: Signals, *, now_s: float, chance: float) -> Pace:
    """Take in what an answer said.

    Args:
        pace: The state.
        signals: What the answer said.
        now_s: When it came.
        chance: A random number in [0, 1), for the wait after a failure.
    """
    pace = replace(pace, in_flight=max(0, pace.in_flight - 1))
    return _paused(
        _moved(pace, signals, now_s=now_s), signals, now_s=now_s, chance=chance
    )


def _moved(pace: Pace, signals: Signals, *, now_s: float) -> Pace:
    """Take over Klaviyo's windows; what is in flight may not be counted there yet."""
    quota = Quota(
        burst_per_s=signals.burst_per_s or pace.quota.burst_per_s,
        steady_per_min=signals.steady_per_min or pace.quota.steady_per_min,
    )
    if signals.remaining is None or signals.reset_s is None:
        return replace(pace, quota=quota)
    return replace(
        pace,
        quota=quota,
        left=signals.remaining - pace.in_flight,
        steady_ends_s=now_s + signals.reset_s,
    )


def _paused(pace: Pace, signals: Signals, *, now_s: float, chance: float) -> Pace:
    """Rest after a failure; one that comes during a rest tells nothing new."""
    if signals.outcome is Outcome.SERVED:
        return replace(pace, failures=0)
    if signals.outcome is Outcome.ABANDONED:
        return pace
    failures = pace.failures + (now_s >= pace.held_until_s)
    wait_s = signals.retry_after_s + backoff_s(failures, chance=chance)
    held_until_s = max(pace.held_until_s, now_s + wait_s)
    return replace(pace, failures=failures, held_until_s=held_until_s)
