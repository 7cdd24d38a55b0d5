"""Rate limiter: order of requests and independence of endpoints."""

import asyncio

import pytest

from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.rate_limiting.pacing import Quota, RequestOutcome, Signals

_QUOTA = Quota(burst_per_s=2, steady_per_min=100)


class FakeClock:
    """Clock that advances only in `sleep`."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    async def sleep(self, wait_s: float) -> None:
        """Advance the clock and run other tasks."""
        self.slept_s.append(wait_s)
        self.now_s += wait_s
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    """Return a fake clock."""
    return FakeClock()


@pytest.fixture
def limiter(clock: FakeClock) -> RateLimiter:
    """Return a rate limiter with the fake clock."""
    timing = Clock(monotonic_s=lambda: clock.now_s, sleep=clock.sleep, rng=lambda: 0.5)
    return RateLimiter(timing)


async def test_the_first_to_come_is_the_first_to_leave(limiter: RateLimiter) -> None:
    """Nine wait for bursts of two: none is overtaken."""
    send_order: list[int] = []

    async def send(number: int) -> None:
        await limiter.acquire("a", quota=_QUOTA)
        send_order.append(number)

    await asyncio.gather(*map(send, range(9)))

    assert send_order == list(range(9))


async def test_an_idle_limiter_lets_the_next_request_through_without_a_sleep(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    """Requests wait only behind a backlog."""
    for idle_s in (0, 60, 60):
        clock.now_s += idle_s
        await limiter.acquire("a", quota=_QUOTA)

    assert clock.slept_s == []


async def test_a_paused_endpoint_delays_no_other(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    """Each endpoint has a queue."""
    await limiter.acquire("a", quota=_QUOTA)
    limiter.on_response(
        "a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=50)
    )

    await limiter.acquire("b", quota=_QUOTA)
    free_s = clock.now_s
    await limiter.acquire("a", quota=_QUOTA)

    assert free_s == 0
    assert clock.now_s >= 50


async def test_a_cancelled_waiter_leaves_the_queue(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    """The next waiter sends, and the cancelled waiter uses no token."""
    await limiter.acquire("a", quota=_QUOTA)
    limiter.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))
    first = asyncio.create_task(limiter.acquire("a", quota=_QUOTA))
    second = asyncio.create_task(limiter.acquire("a", quota=_QUOTA))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second

    pacing = limiter.pacing("a")
    assert pacing is not None
    assert pacing.in_flight == 1
    assert clock.now_s >= 5


async def test_the_lowest_priority_number_goes_first_however_late(
    limiter: RateLimiter,
) -> None:
    """Waiters of equal priority send in order of arrival."""
    send_order: list[tuple[int, int]] = []
    await limiter.acquire("a", quota=_QUOTA)
    limiter.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))

    async def send(priority: int, number: int) -> None:
        await limiter.acquire("a", quota=_QUOTA, priority=priority)
        send_order.append((priority, number))

    arrivals = [(3, 0), (3, 1), (1, 2), (0, 3), (1, 4), (3, 5)]
    await asyncio.gather(*(send(*arrival) for arrival in arrivals))

    assert send_order == sorted(arrivals)
    pacing = limiter.pacing("a")
    assert pacing is not None
    assert pacing.in_flight == len(arrivals)


async def test_a_waiter_cancelled_at_its_grant_reports_an_abandoned_request(
    clock: FakeClock,
) -> None:
    """A waiter cancelled just after the grant reports an abandoned request."""
    has_arrived, cancelled_at_sleep = asyncio.Event(), list[asyncio.Task[None]]()

    async def sleep(wait_s: float) -> None:
        """Wait for the second waiter, then cancel that waiter at the grant."""
        for task in cancelled_at_sleep:
            task.cancel()
        await clock.sleep(wait_s)
        await has_arrived.wait()

    limiter = RateLimiter(
        Clock(monotonic_s=lambda: clock.now_s, sleep=sleep, rng=lambda: 0.5)
    )
    await limiter.acquire("a", quota=_QUOTA)
    limiter.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))
    front = asyncio.create_task(limiter.acquire("a", quota=_QUOTA, priority=1))
    await asyncio.sleep(0)
    granted = asyncio.create_task(limiter.acquire("a", quota=_QUOTA, priority=0))
    await asyncio.sleep(0)

    cancelled_at_sleep.append(granted)
    has_arrived.set()
    await asyncio.gather(front, granted, return_exceptions=True)

    pacing = limiter.pacing("a")
    assert pacing is not None
    assert granted.cancelled()
    assert pacing.in_flight == 1


async def test_a_wait_too_short_for_the_clock_still_ends(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    """At 10^12 seconds a clock cannot move by a nanosecond."""
    clock.now_s = 1e12

    for _ in range(5):
        await limiter.acquire("a", quota=_QUOTA)

    assert min(clock.slept_s) >= 0.001


async def test_the_limiter_returns_the_delay_of_a_request(
    limiter: RateLimiter, clock: FakeClock
) -> None:
    """A new endpoint has no delay."""
    before_s = limiter.send_delay_s("a")
    await limiter.acquire("a", quota=_QUOTA)

    wait_s = limiter.send_delay_s("a")
    clock.now_s += wait_s
    await limiter.acquire("a", quota=_QUOTA)

    assert before_s == 0
    assert wait_s > 0
    assert clock.slept_s == []


def test_an_unused_endpoint_has_no_state(limiter: RateLimiter) -> None:
    """The limiter has no state before the first request."""
    assert limiter.pacing("a") is None
