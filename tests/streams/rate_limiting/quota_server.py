"""Simulated server that counts requests in fixed or sliding windows."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Protocol

from streams.rate_limiting.pacing import Quota

_BURST_S, _STEADY_S = 1, 60


class Headers(Flag):
    """Rate-limit headers in a reply."""

    BURST = auto()
    STEADY = auto()
    REMAINING = auto()
    ALL = BURST | STEADY | REMAINING
    NONE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Reply of the simulated server; None for a missing header."""

    status: int = 200
    retry_after_s: float = 0.0
    remaining: int | None = None
    reset_s: float | None = None
    burst_per_s: int | None = None
    steady_per_min: int | None = None
    starved: bool = False


class WindowCounter(Protocol):
    """Counter of the requests in a window."""

    def remaining(self, now_s: float) -> int:
        """Return the number of requests still admitted."""

    def remaining_without_workers(self, now_s: float) -> int:
        """Return the number still admitted if no worker had sent requests."""

    def resets_in_s(self, now_s: float) -> float:
        """Return the seconds until the window admits more."""

    def count(self, now_s: float, *, from_worker: bool) -> None:
        """Count a single request."""


@dataclass(slots=True)
class FixedWindow:
    """Window that begins at multiples of its length, as in Klaviyo and the sandbox."""

    limit: int
    length_s: int
    number: int = -1
    worker_count: int = 0
    tool_count: int = 0

    def remaining(self, now_s: float) -> int:
        """Return the number of requests still admitted."""
        number = int(now_s // self.length_s)
        if number != self.number:
            self.number, self.worker_count, self.tool_count = number, 0, 0
        return self.limit - self.worker_count - self.tool_count

    def remaining_without_workers(self, now_s: float) -> int:
        """Return the number still admitted if no worker had sent requests."""
        return self.remaining(now_s) + self.worker_count

    def resets_in_s(self, now_s: float) -> float:
        """Return the seconds until the window is empty."""
        return self.length_s - now_s % self.length_s

    def count(self, now_s: float, *, from_worker: bool) -> None:
        """Count a single request."""
        self.remaining(now_s)
        self.worker_count += from_worker
        self.tool_count += not from_worker


@dataclass(slots=True)
class SlidingWindow:
    """Window that holds the requests of the latest seconds."""

    limit: int
    length_s: int
    requests: deque[tuple[float, bool]] = field(default_factory=deque)
    worker_count: int = 0

    def remaining(self, now_s: float) -> int:
        """Return the number of requests still admitted."""
        while self.requests and self.requests[0][0] <= now_s - self.length_s:
            self.worker_count -= self.requests.popleft()[1]
        return self.limit - len(self.requests)

    def remaining_without_workers(self, now_s: float) -> int:
        """Return the number still admitted if no worker had sent requests."""
        return self.remaining(now_s) + self.worker_count

    def resets_in_s(self, now_s: float) -> float:
        """Return the seconds until the oldest request leaves the window."""
        self.remaining(now_s)
        return self.requests[0][0] + self.length_s - now_s if self.requests else 0.0

    def count(self, now_s: float, *, from_worker: bool) -> None:
        """Count a single request."""
        self.requests.append((now_s, from_worker))
        self.worker_count += from_worker


@dataclass(slots=True, kw_only=True)
class QuotaServer:
    """Simulated server with a single endpoint.

    Attributes:
        burst: One-second window.
        steady: Sixty-second window.
        headers: Headers in replies.
        skew_s: Added to `RateLimit-Reset`.
        fault: Returns a reply that replaces the normal reply, or None.
    """

    burst: WindowCounter
    steady: WindowCounter
    quota: Quota
    headers: Headers = Headers.ALL
    skew_s: float = 0.0
    fault: Callable[[float], Reply | None] = lambda _now_s: None

    def answer(self, *, now_s: float, from_worker: bool) -> Reply:
        """Admit or refuse a request."""
        fault = self.fault(now_s)
        if fault is not None:
            return fault
        windows = (self.burst, self.steady)
        waits_s = [w.resets_in_s(now_s) for w in windows if w.remaining(now_s) <= 0]
        if waits_s:
            fits = all(w.remaining_without_workers(now_s) > 0 for w in windows)
            return Reply(
                status=429,
                retry_after_s=math.ceil(max(waits_s)),
                starved=fits and not from_worker,
            )
        for window in windows:
            window.count(now_s, from_worker=from_worker)
        return self._served(now_s)

    def _served(self, now_s: float) -> Reply:
        headers = self.headers
        reset_s = max(0, math.ceil(self.steady.resets_in_s(now_s) + self.skew_s))
        return Reply(
            burst_per_s=self.quota.burst_per_s if Headers.BURST in headers else None,
            steady_per_min=self.quota.steady_per_min
            if Headers.STEADY in headers
            else None,
            remaining=self.steady.remaining(now_s)
            if Headers.REMAINING in headers
            else None,
            reset_s=reset_s if Headers.REMAINING in headers else None,
        )


def fixed_window_server(quota: Quota) -> QuotaServer:
    """Create a server with fixed windows, like Klaviyo's."""
    return QuotaServer(
        quota=quota,
        burst=FixedWindow(quota.burst_per_s, _BURST_S),
        steady=FixedWindow(quota.steady_per_min, _STEADY_S),
    )


def sliding_window_server(quota: Quota) -> QuotaServer:
    """Create a server with sliding windows."""
    return QuotaServer(
        quota=quota,
        burst=SlidingWindow(quota.burst_per_s, _BURST_S),
        steady=SlidingWindow(quota.steady_per_min, _STEADY_S),
    )
