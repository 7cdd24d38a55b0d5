"""The pace of one endpoint: a pure state machine with the clock as an argument.

Three questions, and all the gate knows of pacing: `next_free_s` (how long until a
request may leave), `spend` (one leaves now), `fed` (an answer came back). How the rate
is learned stands in `controller.py`, how it becomes moments in `flow.py`.
"""

import msgspec

from streams.pacing.backoff import backoff_s
from streams.pacing.controller import answered, throttled
from streams.pacing.flow import (
    BURST_WINDOW_S,
    PROBE_S,
    STEADY_WINDOW_S,
    credit_at,
    gap_s,
    rate_per_s,
    ready_s,
)
from streams.pacing.pace import Pace, Quota
from streams.pacing.signals import Outcome, Signals

__all__ = [
    "BURST_WINDOW_S",
    "PROBE_S",
    "STEADY_WINDOW_S",
    "Pace",
    "Quota",
    "fed",
    "next_free_s",
    "spend",
]

_PRESSED = 0.7
"""Who leaves within this part of its own interval after it could has a backlog."""

_DEBT_MAX = 1.0
"""A caller that does not wait can owe that much, not more."""

_CHANCES = 64
"""`chance * 64 % 1` is as random as `chance`, and tells nothing of the backoff."""


def next_free_s(pace: Pace, *, now_s: float) -> float:
    """Say how long until a request may leave; 0 means now."""
    apart_s = pace.sent_s + gap_s(pace)
    return max(now_s, pace.held_until_s, pace.ready_s, apart_s) - now_s


def spend(pace: Pace, *, now_s: float) -> Pace:
    """Let one request leave now."""
    idle_s = now_s - max(pace.ready_s, pace.held_until_s)
    pace = msgspec.structs.replace(
        pace,
        credit=max(credit_at(pace, now_s=now_s) - 1.0, -_DEBT_MAX),
        credited_s=max(now_s, pace.credited_s),
        sent_s=now_s,
        in_flight=pace.in_flight + 1,
        pressed=idle_s * rate_per_s(pace) <= _PRESSED,
    )
    return msgspec.structs.replace(pace, ready_s=ready_s(pace))


def fed(pace: Pace, signals: Signals, *, now_s: float, chance: float) -> Pace:
    """Take in what an answer said.

    Args:
        pace: The state.
        signals: What the answer said.
        now_s: When it came.
        chance: A random number in [0, 1), for the wait after a failure.
    """
    pace = msgspec.structs.replace(
        pace,
        in_flight=max(0, pace.in_flight - 1),
        quota=_quota(pace.quota, signals),
        credit=credit_at(pace, now_s=now_s),
        credited_s=max(now_s, pace.credited_s),
    )
    match signals.outcome:
        case Outcome.SERVED:
            pace = answered(pace, signals, now_s=now_s)
        case Outcome.THROTTLED | Outcome.FAILED:
            pace = _held(pace, signals, now_s=now_s, chance=chance)
        case Outcome.ABANDONED:
            pass
    return msgspec.structs.replace(pace, ready_s=ready_s(pace))


def _quota(quota: Quota, signals: Signals) -> Quota:
    burst_per_s = signals.burst_per_s or quota.burst_per_s
    steady_per_min = signals.steady_per_min or quota.steady_per_min
    if (burst_per_s, steady_per_min) == (quota.burst_per_s, quota.steady_per_min):
        return quota
    return Quota(burst_per_s=burst_per_s, steady_per_min=steady_per_min)


def _held(pace: Pace, signals: Signals, *, now_s: float, chance: float) -> Pace:
    """Rest after a failure; one that comes during a rest tells nothing new.

    The credit after it is drawn by chance: workers that one reset lets go leave spread
    over their interval, not together.
    """
    if now_s >= pace.held_until_s:
        if signals.outcome is Outcome.THROTTLED:
            pace = throttled(pace, signals, now_s=now_s)
        pace = msgspec.structs.replace(pace, failures=pace.failures + 1)
    wait_s = signals.retry_after_s + backoff_s(pace.failures, chance=chance)
    held_until_s = max(pace.held_until_s, now_s + wait_s)
    return msgspec.structs.replace(
        pace,
        held_until_s=held_until_s,
        credit=min(pace.credit, chance * _CHANCES % 1.0),
        credited_s=max(pace.credited_s, held_until_s),
    )
