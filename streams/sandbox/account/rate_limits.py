"""Klaviyo's two quota windows, counted per operation for one account.

Both windows are fixed, not sliding: they begin at whole multiples of their length on
the sandbox's clock, so twice the burst can pass around a window's edge, as at Klaviyo.
A refused request is not counted.
"""

import math
from dataclasses import dataclass, field

from streams.sandbox.jsonapi.errors import throttled
from streams.sandbox.limits import BURST_WINDOW_S, DAY_S, STEADY_WINDOW_S
from streams.sandbox.operations import ApiOperation


@dataclass(slots=True)
class QuotaWindow:
    """One fixed window.

    Attributes:
        limit: Requests it admits.
        length_s: Its length.
        number: Which window `used` counts, in lengths since the epoch.
        used: Requests admitted in it.
    """

    limit: int
    length_s: int
    number: int = -1
    used: int = 0

    def roll_over(self, now_s: float) -> None:
        """Begin a new window when the old one has ended."""
        number = int(now_s // self.length_s)
        if number != self.number:
            self.number = number
            self.used = 0

    def remaining_s(self, now_s: float) -> float:
        """Say how long until the window ends."""
        return self.length_s - now_s % self.length_s

    @property
    def is_full(self) -> bool:
        """Whether it admits no more."""
        return self.used >= self.limit


@dataclass(slots=True)
class RateLimits:
    """The windows of all operations.

    Attributes:
        scale: 1.0 is what Klaviyo publishes, 0.1 ten times smaller, None is off.
        lists_per_day: `create_list` also has this daily quota; None is off.
    """

    scale: float | None
    lists_per_day: int | None
    windows: dict[str, tuple[QuotaWindow, ...]] = field(default_factory=dict)

    def admit(self, operation: ApiOperation, *, now_s: float) -> dict[str, str]:
        """Count one request.

        Returns:
            The `RateLimit-*` headers of its answer; none when quotas are off.

        Raises:
            Refusal: 429 with `Retry-After`, when a window is full.
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
