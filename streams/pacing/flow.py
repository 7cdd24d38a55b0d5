"""From a share to moments: credit grows at the rate, a request costs one."""

from streams.pacing.pace import Pace

BURST_WINDOW_S = 1.1
"""Klaviyo's burst window is 1 s (rate-limit page, "Burst"); a tenth more for requests
that overtake others on their way."""

STEADY_WINDOW_S = 60.0
"""Klaviyo's steady window: rate-limit page, "Steady"."""

PROBE_S = 240.0
"""The longest a share may make a request wait, so that it always keeps probing. Long
enough that 16 probing workers use a quarter of the smallest quota (15 a minute)."""

_SAVED_LEAST = 2.0
"""Credit that an idle worker may always save."""

_SAVED_BURST = 0.5
"""And of its share of the burst: what came together may leave together."""


def rate_per_s(pace: Pace) -> float:
    """Say how many requests a second the share is worth, over a whole window."""
    per_s = pace.share * pace.quota.steady_per_min / STEADY_WINDOW_S
    return min(max(per_s, 1.0 / PROBE_S), pace.quota.burst_per_s / BURST_WINDOW_S)


def credit_at(pace: Pace, *, now_s: float) -> float:
    """Say how much credit there is; it does not grow during a rest."""
    credit, at_s = pace.credit, pace.credited_s
    if now_s <= at_s:
        return credit
    rate = rate_per_s(pace)
    if at_s < pace.ends_s:
        until_s = min(now_s, pace.ends_s)
        credit += rate * pace.level * (until_s - at_s)
        at_s = until_s
    credit += rate * (now_s - at_s)
    saved = pace.share * pace.quota.burst_per_s * _SAVED_BURST
    return min(credit, max(saved, _SAVED_LEAST))


def ready_s(pace: Pace) -> float:
    """Say when the credit reaches one: in this steady window, or in a later one.

    What was saved up is no leave to send when nothing is left in the window.
    """
    missing, at_s = 1.0 - pace.credit, pace.credited_s
    if missing <= 0.0:
        return at_s if pace.level > 0.0 else max(at_s, pace.ends_s)
    rate = rate_per_s(pace)
    if at_s < pace.ends_s:
        grown = rate * pace.level * (pace.ends_s - at_s)
        if grown >= missing:
            return at_s + missing / (rate * pace.level)
        missing -= grown
        at_s = pace.ends_s
    return at_s + missing / rate


def gap_s(pace: Pace) -> float:
    """Say how far apart two requests are at least, whatever the credit."""
    return BURST_WINDOW_S / pace.quota.burst_per_s
