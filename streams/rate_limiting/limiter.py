"""Rate limiter: the only module of the client that waits.

Each endpoint has a queue, ordered by priority and then by arrival.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from heapq import heappop, heappush
from itertools import count
from math import inf

from streams.rate_limiting.controller import on_response
from streams.rate_limiting.pacing import (
    EndpointPacing,
    Quota,
    QuotaUse,
    RequestOutcome,
    Signals,
    on_send,
    quota_use,
    send_delay_s,
)

_SLEEP_MIN_S = 0.001
"""Shortest sleep in seconds: a shorter sleep may not advance the clock at all."""

RECHECK_INTERVAL_S = 5.0
"""Longest sleep in seconds before the delay is computed again, because a response to an
earlier request may have shortened the delay. Our choice."""

_ABANDONED_SIGNALS = Signals(outcome=RequestOutcome.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Source of time and randomness, passed in so that tests can replace the source.

    Attributes:
        monotonic_s: Returns seconds that never decrease, from any starting point.
        sleep: Waits the given number of seconds.
        rng: Returns a random number in [0, 1).
    """

    monotonic_s: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    rng: Callable[[], float]


class Grant(Enum):
    """Permission given to a waiting request.

    SEND: send now, with a token that another waiter has taken.
    LEAD: become the front waiter, who waits for the next token.
    """

    SEND = auto()
    LEAD = auto()


QueueSlot = tuple[int, int, asyncio.Future[Grant]]
"""Priority, order of arrival, and the future grant of a waiting request."""


@dataclass(slots=True, kw_only=True)
class _EndpointQueue:
    """Waiting requests of an endpoint, and the endpoint's rate-limiting state."""

    pacing: EndpointPacing
    slots: list[QueueSlot] = field(default_factory=list)
    has_front_waiter: bool = False

    def grant_next(self, grant: Grant, *, below: float = inf) -> bool:
        """Give a grant to the first waiter, and return False if there is none.

        Args:
            grant: Permission for the waiter.
            below: Only a waiter with a lower priority number is given the grant.
        """
        while self.slots and self.slots[0][2].done():  # cancelled
            heappop(self.slots)
        if not self.slots or self.slots[0][0] >= below:
            return False
        _, _, waiter = heappop(self.slots)
        waiter.set_result(grant)
        return True


class RateLimiter:
    """Rate limiter that delays requests until the quota of the endpoint suffices.

    The front waiter of an endpoint waits for the next token, and passes the token to
    any waiter of a lower priority number, even to one that arrived later.

    Args:
        clock: Source of time and randomness.
        quota_scale: Factor on the quotas passed to `acquire`.
    """

    def __init__(self, clock: Clock, *, quota_scale: float = 1.0) -> None:
        self._clock = clock
        self._quota_scale = quota_scale
        self._queues: dict[str, _EndpointQueue] = {}
        self._arrivals = count()

    async def acquire(self, name: str, *, quota: Quota, priority: int = 0) -> None:
        """Wait until a request may leave, and count the request as sent.

        Every `acquire` must be followed by exactly one `on_response`.

        Args:
            name: Name of the endpoint.
            quota: Limits of the endpoint until response headers report others.
            priority: Priority of the request; the lowest number goes first.
        """
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _EndpointQueue(
                pacing=EndpointPacing(quota=quota.scaled(self._quota_scale))
            )
        if queue.has_front_waiter:
            grant = await self._wait_in_queue(name, queue, priority=priority)
            if grant is Grant.SEND:
                return
        queue.has_front_waiter = True
        try:
            while True:
                now_s = self._clock.monotonic_s()
                wait_s = send_delay_s(queue.pacing, now_s=now_s)
                if wait_s > 0:
                    await self.sleep(min(wait_s, RECHECK_INTERVAL_S))
                    continue
                queue.pacing = on_send(queue.pacing, now_s=now_s)
                if not queue.grant_next(Grant.SEND, below=priority):
                    return
        finally:
            queue.has_front_waiter = queue.grant_next(Grant.LEAD)

    async def _wait_in_queue(
        self, name: str, queue: _EndpointQueue, *, priority: int
    ) -> Grant:
        grant: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        heappush(queue.slots, (priority, next(self._arrivals), grant))
        try:
            return await grant
        except asyncio.CancelledError:
            if grant.done() and not grant.cancelled():
                if grant.result() is Grant.SEND:
                    self.on_response(name, _ABANDONED_SIGNALS)
                else:
                    queue.has_front_waiter = queue.grant_next(Grant.LEAD)
            raise

    def on_response(self, name: str, signals: Signals) -> None:
        """Update the endpoint's state from the response to a request."""
        queue = self._queues[name]
        now_s, jitter = self._clock.monotonic_s(), self._clock.rng()
        queue.pacing = on_response(queue.pacing, signals, now_s=now_s, jitter=jitter)

    def quota_uses(self) -> dict[str, QuotaUse]:
        """Return the quota of each endpoint that was used, and who uses it."""
        now_s = self._clock.monotonic_s()
        return {
            name: quota_use(queue.pacing, now_s=now_s)
            for name, queue in self._queues.items()
        }

    def pacing(self, name: str) -> EndpointPacing | None:
        """Return the state of an endpoint, or None before the first request."""
        queue = self._queues.get(name)
        return queue.pacing if queue else None

    def send_delay_s(self, name: str) -> float:
        """Return the shortest delay, in seconds, for a request that arrives now."""
        queue = self._queues.get(name)
        if queue is None:
            return 0.0
        return send_delay_s(queue.pacing, now_s=self._clock.monotonic_s())

    async def sleep(self, wait_s: float) -> None:
        """Wait for a reason other than a quota, such as the next poll of a job."""
        await self._clock.sleep(max(wait_s, _SLEEP_MIN_S))
