"""Klaviyo's quota as the simulation's server counts it: fixed windows, or sliding."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Protocol

from streams.pacing.window import Quota

_BURST_S, _STEADY_S = 1, 60


class Headers(Flag):
    """Which headers an answer carries."""

    BURST = auto()
    STEADY = auto()
    LEFT = auto()
    ALL = BURST | STEADY | LEFT
    NONE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; None where a header is missing."""

    status: int = 200
    retry_after_s: float = 0.0
    remaining: int | None = None
    reset_s: float | None = None
    burst_per_s: int | None = None
    steady_per_min: int | None = None
    starved: bool = False


class Counted(Protocol):
    """One window."""

    def left(self, now_s: float) -> int:
        """How many it admits yet."""

    def left_to_tool(self, now_s: float) -> int:
        """How many it would admit, had no worker sent any."""

    def ends_s(self, now_s: float) -> float:
        """How long until it admits more."""

    def take(self, now_s: float, *, ours: bool) -> None:
        """Count one."""


@dataclass(slots=True)
class Fixed:
    """Begins at whole multiples of its length, as Klaviyo's and the sandbox's do."""

    limit: int
    length_s: int
    number: int = -1
    ours: int = 0
    tools: int = 0

    def left(self, now_s: float) -> int:
        """How many it admits yet."""
        number = int(now_s // self.length_s)
        if number != self.number:
            self.number, self.ours, self.tools = number, 0, 0
        return self.limit - self.ours - self.tools

    def left_to_tool(self, now_s: float) -> int:
        """How many it would admit, had no worker sent any."""
        return self.left(now_s) + self.ours

    def ends_s(self, now_s: float) -> float:
        """How long until it is empty."""
        return self.length_s - now_s % self.length_s

    def take(self, now_s: float, *, ours: bool) -> None:
        """Count one."""
        self.left(now_s)
        self.ours += ours
        self.tools += not ours


@dataclass(slots=True)
class Sliding:
    """Holds what came within its length before any moment."""

    limit: int
    length_s: int
    taken: deque[tuple[float, bool]] = field(default_factory=deque)
    ours: int = 0

    def left(self, now_s: float) -> int:
        """How many it admits yet."""
        while self.taken and self.taken[0][0] <= now_s - self.length_s:
            self.ours -= self.taken.popleft()[1]
        return self.limit - len(self.taken)

    def left_to_tool(self, now_s: float) -> int:
        """How many it would admit, had no worker sent any."""
        return self.left(now_s) + self.ours

    def ends_s(self, now_s: float) -> float:
        """How long until the oldest leaves it."""
        self.left(now_s)
        return self.taken[0][0] + self.length_s - now_s if self.taken else 0.0

    def take(self, now_s: float, *, ours: bool) -> None:
        """Count one."""
        self.taken.append((now_s, ours))
        self.ours += ours


@dataclass(slots=True, kw_only=True)
class Server:
    """One endpoint.

    Attributes:
        burst: Its one-second window.
        steady: Its sixty-second window.
        headers: Which headers its answers carry.
        skew_s: Added to `RateLimit-Reset`.
        fault: What it answers instead; None when nothing is wrong.
    """

    burst: Counted
    steady: Counted
    quota: Quota
    headers: Headers = Headers.ALL
    skew_s: float = 0.0
    fault: Callable[[float], Reply | None] = lambda _now_s: None

    def answer(self, *, now_s: float, ours: bool) -> Reply:
        """Admit or refuse one request."""
        fault = self.fault(now_s)
        if fault is not None:
            return fault
        windows = (self.burst, self.steady)
        waits_s = [w.ends_s(now_s) for w in windows if w.left(now_s) <= 0]
        if waits_s:
            fits = all(w.left_to_tool(now_s) > 0 for w in windows)
            return Reply(
                status=429,
                retry_after_s=math.ceil(max(waits_s)),
                starved=fits and not ours,
            )
        for window in windows:
            window.take(now_s, ours=ours)
        return self._served(now_s)

    def _served(self, now_s: float) -> Reply:
        told = self.headers
        reset_s = max(0, math.ceil(self.steady.ends_s(now_s) + self.skew_s))
        return Reply(
            burst_per_s=self.quota.burst_per_s if Headers.BURST in told else None,
            steady_per_min=self.quota.steady_per_min
            if Headers.STEADY in told
            else None,
            remaining=self.steady.left(now_s) if Headers.LEFT in told else None,
            reset_s=reset_s if Headers.LEFT in told else None,
        )


def fixed(quota: Quota) -> Server:
    """Make a server with Klaviyo's fixed windows."""
    return Server(
        quota=quota,
        burst=Fixed(quota.burst_per_s, _BURST_S),
        steady=Fixed(quota.steady_per_min, _STEADY_S),
    )


def sliding(quota: Quota) -> Server:
    """Make a server with sliding windows."""
    return Server(
        quota=quota,
        burst=Sliding(quota.burst_per_s, _BURST_S),
        steady=Sliding(quota.steady_per_min, _STEADY_S),
    )
