"""How long to wait after a failure: exponential, full jitter, capped."""

import math

BASE_S = 0.5
"""Longest wait after the first failure."""

CAP_S = 60.0
"""Longest wait ever: one steady window, so a mended fault is seen within a minute."""

_DOUBLINGS_MAX = 16
"""Enough to pass any cap; keeps the power small however long an outage lasts."""


def backoff_s(
    failures: int, *, jitter: float, base_s: float = BASE_S, cap_s: float = CAP_S
) -> float:
    """Draw the wait before the next try.

    The wait is `chance * min(cap_s, base_s * 2 ** (failures - 1))`: with the defaults
    up to 0.5, 1, 2, 4 ... 60 s.

    Args:
        failures: Failures in a row, this one included; 0 means no wait.
        jitter: A random number in [0, 1).
        base_s: Longest wait after the first failure.
        cap_s: Longest wait after any failure.
    """
    if failures <= 0:
        return 0.0
    doublings = min(failures - 1, _DOUBLINGS_MAX)
    return jitter * min(cap_s, math.ldexp(base_s, doublings))
