"""Estimates from RateLimit headers: the end of the window, and the usage by others."""

import math

from streams.rate_limiting.pacing import STEADY_WINDOW_S, EndpointPacing

OBSERVED_WINDOWS_MAX = 2.0
"""Longest memory of the usage by others, in windows: the estimate moves by half of the
difference per window, and faster while fewer windows were observed."""

OBSERVED_WINDOWS_MIN = 0.02
"""Observed windows of a new worker (the default of `EndpointPacing.observed_windows`),
or of a worker whose windows do not end at the expected times."""

RESET_ROUNDING_S = 1.5
"""Largest error of a reported window end, in seconds, besides the latency: the header
is rounded up to a second and arrives with the response. An end that is later by no more
belongs to the same window, and the earliest reported end is the most accurate."""

WINDOW_DRIFT_S = 0.003
"""Largest drift of a window's end per minute, in seconds: 50 ppm of clock drift."""


def window_end_s(pacing: EndpointPacing, *, ends_s: float, max_late_s: float) -> float:
    """Return the end of the steady window, given the ends reported before.

    A reported end is never too early, and is too late by at most `max_late_s`.
    """
    if pacing.window_ends_s == -math.inf:
        return ends_s
    rounds = round((ends_s - pacing.window_ends_s) / STEADY_WINDOW_S)
    expected_end_s = pacing.window_ends_s + rounds * (STEADY_WINDOW_S + WINDOW_DRIFT_S)
    is_same_window = ends_s - expected_end_s < max_late_s
    return min(ends_s, expected_end_s) if is_same_window else ends_s


def estimate_other_usage(
    pacing: EndpointPacing, *, remaining: int, now_s: float, ends_s: float
) -> tuple[float, float]:
    """Estimate the usage by others from two responses of a window.

    Responses that overtake each other show too little usage and then too much; the two
    errors cancel. An estimate that stays below zero means that the window is not fixed,
    so the caller counts the absolute value as contention.

    Returns:
        The usage by others (fraction of the quota per window), and the number of
        windows that the estimate stands for.
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
