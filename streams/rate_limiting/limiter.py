"""The gate: the only sleeper. One door an endpoint; by rank, then first come."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from streams.rate_limiting.signals import RequestOutcome, Signals
from streams.rate_limiting.state_machine import (
    EndpointPacing,
    Quota,
    on_response,
    on_send,
    send_delay_s,
)

_SLEEP_MIN_S = 0.001
"""Shortest sleep: a shorter one may not move a clock at all."""

RECHECK_INTERVAL_S = 5.0
"""Ours: an answer to an earlier request may better what there is to wait for."""

_ABANDONED_SIGNALS = Signals(outcome=RequestOutcome.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time and chance, given from outside.

    Attributes:
        monotonic_s: Seconds that only grow; where they start does not matter.
        sleep: Waits that many seconds.
        rng: A random number in [0, 1) at each call.
    """

    monotonic_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    rng: Callable[[], float]


QueueSlot = tuple[int, int, asyncio.Future[bool]]
"""Rank, order of arrival, and what is told: true, go; false, stand at the door."""


@dataclass(slots=True, kw_only=True)
class _EndpointQueue:
    pacing: EndpointPacing
    slots: list[QueueSlot] = field(default_factory=list)
    has_front_waiter: bool = False

    def pop_waiter_below(self, priority: float) -> asyncio.Future[bool] | None:
        """Call up whoever has waited longest of the lowest rank, if below this one."""
        while self.slots:
            slot_priority, _, grant = self.slots[0]
            if not grant.done() and slot_priority >= priority:
                return None
            heappop(self.slots)
            if not grant.done():
                return grant
        return None

    def hand_over(self) -> None:
        """Let the next one stand here."""
        grant = self.pop_waiter_below(float("inf"))
        if grant is None:
            self.has_front_waiter = False
        else:
            grant.set_result(False)


class RateLimiter:
    """Holds requests back until their endpoint's quota has room.

    Who stands at the door waits for the next request that may leave, and lets those
    of a lower rank go first, however late they come.

    Args:
        clock: Clock, sleep and chance.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, _EndpointQueue] = {}
        self._arrivals = count()

    async def acquire(self, name: str, *, quota: Quota, priority: int = 0) -> None:
        """Wait until a request may leave, and count it as sent.

        Every `enter` is followed by exactly one `fed`.

        Args:
            name: The endpoint.
            quota: What it admits, until answers say better.
            priority: The lowest goes first.
        """
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _EndpointQueue(
                pacing=EndpointPacing(quota=quota)
            )
        if queue.has_front_waiter and await self._wait_in_queue(
            name, queue, priority=priority
        ):
            return
        queue.has_front_waiter = True
        try:
            await self._wait_for_token(queue, priority=priority)
        finally:
            queue.hand_over()

    async def _wait_in_queue(
        self, name: str, queue: _EndpointQueue, *, priority: int
    ) -> bool:
        grant: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heappush(queue.slots, (priority, next(self._arrivals), grant))
        try:
            return await grant
        except asyncio.CancelledError:
            if grant.done() and not grant.cancelled():
                if grant.result():
                    self.on_response(name, _ABANDONED_SIGNALS)
                else:
                    queue.hand_over()
            raise

    async def _wait_for_token(self, queue: _EndpointQueue, *, priority: int) -> None:
        while True:
            while (wait_s := self._queue_delay_s(queue)) > 0:
                await self.sleep(min(wait_s, RECHECK_INTERVAL_S))
            queue.pacing = on_send(queue.pacing, now_s=self._clock.monotonic_s())
            higher_priority_waiter = queue.pop_waiter_below(priority)
            if higher_priority_waiter is None:
                return
            higher_priority_waiter.set_result(True)

    def on_response(self, name: str, signals: Signals) -> None:
        """Take in what the answer to one request said."""
        queue = self._queues[name]
        now_s, jitter = self._clock.monotonic_s(), self._clock.rng()
        queue.pacing = on_response(queue.pacing, signals, now_s=now_s, jitter=jitter)

    def pacing(self, name: str) -> EndpointPacing | None:
        """Show the state of an endpoint; None when nothing went there yet."""
        queue = self._queues.get(name)
        return queue.pacing if queue else None

    def send_delay_s(self, name: str) -> float:
        """Say how long a request that came now would stand at the door at least."""
        queue = self._queues.get(name)
        return self._queue_delay_s(queue) if queue else 0.0

    async def sleep(self, wait_s: float) -> None:
        """Wait, for a reason that is no quota: a poll, a cancelled job."""
        await self._clock.sleep(max(wait_s, _SLEEP_MIN_S))

    def _queue_delay_s(self, queue: _EndpointQueue) -> float:
        return send_delay_s(queue.pacing, now_s=self._clock.monotonic_s())
