"""The gate: the only sleeper. One door an endpoint, first come, first served."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from streams.pacing.signals import Signals
from streams.pacing.window import Pace, Quota, fed, next_free_s, spend

_TICK_S = 0.001
"""Shortest sleep: a shorter one may not move a clock at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Time and chance, given from outside.

    Attributes:
        clock: Seconds that only grow; where they start does not matter.
        sleep: Waits that many seconds.
        rng: A random number in [0, 1) at each call.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    rng: Callable[[], float]


@dataclass(slots=True, kw_only=True)
class _Door:
    pace: Pace
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # it wakes in order


class Gate:
    """Holds requests back until their endpoint's quota has room.

    Args:
        timing: Clock, sleep and chance.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._doors: dict[str, _Door] = {}

    async def enter(self, name: str, *, quota: Quota) -> None:
        """Wait until a request may leave, and count it as sent.

        Every `enter` is followed by exactly one `fed`.

        Args:
            name: The endpoint.
            quota: What it admits, until answers say better.
        """
        door = self._doors.get(name)
        if door is None:
            door = self._doors[name] = _Door(pace=Pace(quota=quota))
        async with door.turn:
            while (wait_s := self._wait_s(door)) > 0:
                await self.rest(wait_s)
            door.pace = spend(door.pace, now_s=self._timing.clock())

    def fed(self, name: str, signals: Signals) -> None:
        """Take in what the answer to one request said."""
        door = self._doors[name]
        now_s, chance = self._timing.clock(), self._timing.rng()
        door.pace = fed(door.pace, signals, now_s=now_s, chance=chance)

    def pace(self, name: str) -> Pace | None:
        """Show the state of an endpoint; None when nothing went there yet."""
        door = self._doors.get(name)
        return door.pace if door else None

    async def rest(self, wait_s: float) -> None:
        """Wait, for a reason that is no quota: a poll, a cancelled job."""
        await self._timing.sleep(max(wait_s, _TICK_S))

    def _wait_s(self, door: _Door) -> float:
        return next_free_s(door.pace, now_s=self._timing.clock())
