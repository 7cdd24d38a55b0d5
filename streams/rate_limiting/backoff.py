"""Exponential backoff with full jitter and an upper bound."""

import math

BASE_S = 0.5
"""Longest wait in seconds after the first failure."""

CAP_S = 60.0
"""Longest wait in seconds after any failure: one steady window, so that a repaired
fault is noticed within a minute."""

_DOUBLINGS_MAX = 16
"""Largest exponent: beyond any cap, and small however long an outage lasts."""


def backoff_s(
    failures: int, *, jitter: float, base_s: float = BASE_S, cap_s: float = CAP_S
) -> float:
    """Return the seconds to wait before the next attempt.

    The wait is `jitter * min(cap_s, base_s * 2 ** (failures - 1))`: with the defaults
    up to 0.5, 1, 2, 4 ... 60 s.

    Args:
        failures: Consecutive failures, the latest included; 0 means no wait.
        jitter: A random number in [0, 1).
        base_s: Longest wait after the first failure.
        cap_s: Longest wait after any failure.
    """
    if failures <= 0:
        return 0.0
    doublings = min(failures - 1, _DOUBLINGS_MAX)
    return jitter * min(cap_s, math.ldexp(base_s, doublings))
