"""Klaviyo's two quota windows, counted per operation for an account.

Both windows are fixed, not sliding: they begin at whole multiples of their length on
the sandbox's clock, so that twice the burst can pass around the edge of a window, as
at Klaviyo. A rejected request is not counted.
"""

import math
from dataclasses import dataclass, field

from streams.sandbox.jsonapi.errors import throttled
from streams.sandbox.limits import BURST_WINDOW_S, DAY_S, STEADY_WINDOW_S
from streams.sandbox.operations import ApiOperation


@dataclass(slots=True)
class QuotaWindow:
    """Quota window of fixed length.

    Attributes:
        limit: Requests allowed in the window.
        length_s: Length of the window.
        number: Number of the current window, in lengths since the epoch.
        used: Requests admitted in the current window.
    """

    limit: int
    length_s: int
    number: int = -1
    used: int = 0

    def roll_over(self, now_s: float) -> None:
        """Begin a new window if the old window has ended."""
        number = int(now_s // self.length_s)
        if number != self.number:
            self.number = number
            self.used = 0

    def remaining_s(self, now_s: float) -> float:
        """Return the time until the window ends."""
        return self.length_s - now_s % self.length_s

    @property
    def is_full(self) -> bool:
        """Return True if the window admits no more requests."""
        return self.used >= self.limit


@dataclass(slots=True)
class RateLimits:
    """Quota windows of all operations.

    Attributes:
        scale: 1.0 is what Klaviyo publishes, 0.1 ten times smaller, None is off.
        lists_per_day: Extra daily quota of `create_list`; None is off.
    """

    scale: float | None
    lists_per_day: int | None
    windows: dict[str, tuple[QuotaWindow, ...]] = field(default_factory=dict)

    def admit(self, operation: ApiOperation, *, now_s: float) -> dict[str, str]:
        """Count a request against the windows of an operation.

        Returns:
            The `RateLimit-*` headers of the response; none if quotas are off.

        Raises:
            ErrorResponse: 429 with `Retry-After`, if a window is full.
        """
        windows = self._windows(operation)
        for window in windows:
            window.roll_over(now_s)
        full = [window.remaining_s(now_s) for window in windows if window.is_full]
        if full:
            raise throttled(wait_s=max(full))
        for window in windows:
            window.used += 1
        return self._headers(windows, now_s=now_s)

    def _headers(
        self, windows: tuple[QuotaWindow, ...], *, now_s: float
    ) -> dict[str, str]:
        if self.scale is None:
            return {}
        burst, steady = windows[:2]
        policies = (f"{window.limit};w={window.length_s}" for window in windows)
        return {
            "RateLimit-Limit": ", ".join([str(burst.limit), *policies]),
            "RateLimit-Remaining": str(steady.limit - steady.used),
            "RateLimit-Reset": str(math.ceil(steady.remaining_s(now_s))),
        }

    def _windows(self, operation: ApiOperation) -> tuple[QuotaWindow, ...]:
        windows = self.windows.get(operation.name)
        if windows is None:
            windows = self.windows[operation.name] = self._new_windows(operation)
        return windows

    def _new_windows(self, operation: ApiOperation) -> tuple[QuotaWindow, ...]:
        windows = []
        if self.scale is not None:
            burst = max(1, int(operation.burst_per_s * self.scale))
            steady = max(1, int(operation.steady_per_min * self.scale))
            windows.append(QuotaWindow(limit=burst, length_s=BURST_WINDOW_S))
            windows.append(QuotaWindow(limit=steady, length_s=STEADY_WINDOW_S))
        if operation.name == "create_list" and self.lists_per_day is not None:
            windows.append(QuotaWindow(limit=self.lists_per_day, length_s=DAY_S))
        return tuple(windows)
