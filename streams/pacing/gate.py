"""The gate: the only sleeper. One door an endpoint; by rank, then first come."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from streams.pacing.signals import Outcome, Signals
from streams.pacing.window import Pace, Quota, fed, next_free_s, spend

_TICK_S = 0.001
"""Shortest sleep: a shorter one may not move a clock at all."""

LOOK_AGAIN_S = 5.0
"""Ours: an answer to an earlier request may better what there is to wait for."""

_ABANDONED = Signals(outcome=Outcome.ABANDONED)


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


Place = tuple[int, int, asyncio.Future[bool]]
"""Rank, order of arrival, and what is told: true, go; false, stand at the door."""


@dataclass(slots=True, kw_only=True)
class _Door:
    pace: Pace
    waiting: list[Place] = field(default_factory=list)
    is_taken: bool = False

    def next_below(self, rank: float) -> asyncio.Future[bool] | None:
        """Call up whoever has waited longest of the lowest rank, if below this one."""
        while self.waiting:
            first, _, told = self.waiting[0]
            if not told.done() and first >= rank:
                return None
            heappop(self.waiting)
            if not told.done():
                return told
        return None

    def leave(self) -> None:
        """Let the next one stand here."""
        told = self.next_below(float("inf"))
        if told is None:
            self.is_taken = False
        else:
            told.set_result(False)


class Gate:
    """Holds requests back until their endpoint's quota has room.

    Who stands at the door waits for the next request that may leave, and lets those
    of a lower rank go first, however late they come.

    Args:
        timing: Clock, sleep and chance.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._doors: dict[str, _Door] = {}
        self._order = count()

    async def enter(self, name: str, *, quota: Quota, rank: int = 0) -> None:
        """Wait until a request may leave, and count it as sent.

        Every `enter` is followed by exactly one `fed`.

        Args:
            name: The endpoint.
            quota: What it admits, until answers say better.
            rank: The lowest goes first.
        """
        door = self._doors.get(name)
        if door is None:
            door = self._doors[name] = _Door(pace=Pace(quota=quota))
        if door.is_taken and await self._told_to_go(name, door, rank=rank):
            return
        door.is_taken = True
        try:
            await self._stand(door, rank=rank)
        finally:
            door.leave()

    async def _told_to_go(self, name: str, door: _Door, *, rank: int) -> bool:
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heappush(door.waiting, (rank, next(self._order), told))
        try:
            return await told
        except asyncio.CancelledError:
            if told.done() and not told.cancelled():
                if told.result():
                    self.fed(name, _ABANDONED)
                else:
                    door.leave()
            raise

    async def _stand(self, door: _Door, *, rank: int) -> None:
        while True:
            while (wait_s := self._wait_s(door)) > 0:
                await self.rest(min(wait_s, LOOK_AGAIN_S))
            door.pace = spend(door.pace, now_s=self._timing.clock())
            overtaker = door.next_below(rank)
            if overtaker is None:
                return
            overtaker.set_result(True)

    def fed(self, name: str, signals: Signals) -> None:
        """Take in what the answer to one request said."""
        door = self._doors[name]
        now_s, chance = self._timing.clock(), self._timing.rng()
        door.pace = fed(door.pace, signals, now_s=now_s, chance=chance)

    def pace(self, name: str) -> Pace | None:
        """Show the state of an endpoint; None when nothing went there yet."""
        door = self._doors.get(name)
        return door.pace if door else None

    def wait_s(self, name: str) -> float:
        """Say how long a request that came now would stand at the door at least."""
        door = self._doors.get(name)
        return self._wait_s(door) if door else 0.0

    async def rest(self, wait_s: float) -> None:
        """Wait, for a reason that is no quota: a poll, a cancelled job."""
        await self._timing.sleep(max(wait_s, _TICK_S))

    def _wait_s(self, door: _Door) -> float:
        return next_free_s(door.pace, now_s=self._timing.clock())
