"""The gate: order, independence, and that it alone sleeps."""

import asyncio

import pytest

from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.rate_limiting.signals import RequestOutcome, Signals
from streams.rate_limiting.state_machine import Quota

_QUOTA = Quota(burst_per_s=2, steady_per_min=100)


class FakeClock:
    """A clock that moves only when someone sleeps on it."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    async def sleep(self, wait_s: float) -> None:
        """Let the time pass, and others run."""
        self.slept_s.append(wait_s)
        self.now_s += wait_s
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock."""
    return FakeClock()


@pytest.fixture
def gate(clock: FakeClock) -> RateLimiter:
    """Give a gate on that clock."""
    timing = Clock(monotonic_s=lambda: clock.now_s, sleep=clock.sleep, rng=lambda: 0.5)
    return RateLimiter(timing)


async def test_the_first_to_come_is_the_first_to_leave(gate: RateLimiter) -> None:
    """Nine wait for bursts of two: none is overtaken."""
    left: list[int] = []

    async def leave(number: int) -> None:
        await gate.acquire("a", quota=_QUOTA)
        left.append(number)

    await asyncio.gather(*map(leave, range(9)))

    assert left == list(range(9))


async def test_a_gate_that_was_idle_lets_the_next_through_without_a_sleep(
    gate: RateLimiter, clock: FakeClock
) -> None:
    """Only a backlog has to wait for its turn."""
    for idle_s in (0, 60, 60):
        clock.now_s += idle_s
        await gate.acquire("a", quota=_QUOTA)

    assert clock.slept_s == []


async def test_a_held_endpoint_holds_no_other(
    gate: RateLimiter, clock: FakeClock
) -> None:
    """Each has a door of its own."""
    await gate.acquire("a", quota=_QUOTA)
    gate.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=50))

    await gate.acquire("b", quota=_QUOTA)
    free_s = clock.now_s
    await gate.acquire("a", quota=_QUOTA)

    assert free_s == 0
    assert clock.now_s >= 50


async def test_who_gives_up_waiting_leaves_the_queue(
    gate: RateLimiter, clock: FakeClock
) -> None:
    """The next in line goes through, and nothing was spent for the one who left."""
    await gate.acquire("a", quota=_QUOTA)
    gate.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))
    first = asyncio.create_task(gate.acquire("a", quota=_QUOTA))
    second = asyncio.create_task(gate.acquire("a", quota=_QUOTA))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second

    pace = gate.pacing("a")
    assert pace is not None
    assert pace.in_flight == 1
    assert clock.now_s >= 5


async def test_the_lowest_rank_goes_first_however_late_it_comes(
    gate: RateLimiter,
) -> None:
    """And of one rank whoever came first; whoever stands at the door lets them by."""
    left: list[tuple[int, int]] = []
    await gate.acquire("a", quota=_QUOTA)
    gate.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))

    async def leave(rank: int, number: int) -> None:
        await gate.acquire("a", quota=_QUOTA, priority=rank)
        left.append((rank, number))

    came = [(3, 0), (3, 1), (1, 2), (0, 3), (1, 4), (3, 5)]
    await asyncio.gather(*(leave(*one) for one in came))

    assert left == sorted(came)
    pace = gate.pacing("a")
    assert pace is not None
    assert pace.in_flight == len(came)


async def test_who_is_called_and_leaves_gives_back_what_was_spent(
    clock: FakeClock,
) -> None:
    """Called by whoever stands at the door, and cancelled at the same moment."""
    here, leaves = asyncio.Event(), list[asyncio.Task[None]]()

    async def sleep(wait_s: float) -> None:
        """Stand at the door until the other one is here; it leaves when called."""
        for one in leaves:
            one.cancel()
        await clock.sleep(wait_s)
        await here.wait()

    gate = RateLimiter(
        Clock(monotonic_s=lambda: clock.now_s, sleep=sleep, rng=lambda: 0.5)
    )
    await gate.acquire("a", quota=_QUOTA)
    gate.on_response("a", Signals(outcome=RequestOutcome.THROTTLED, retry_after_s=5))
    stands = asyncio.create_task(gate.acquire("a", quota=_QUOTA, priority=1))
    await asyncio.sleep(0)
    called = asyncio.create_task(gate.acquire("a", quota=_QUOTA, priority=0))
    await asyncio.sleep(0)

    leaves.append(called)
    here.set()
    await asyncio.gather(stands, called, return_exceptions=True)

    pace = gate.pacing("a")
    assert pace is not None
    assert called.cancelled()
    assert pace.in_flight == 1


async def test_a_wait_too_short_for_the_clock_still_ends(
    gate: RateLimiter, clock: FakeClock
) -> None:
    """At 10^12 seconds a clock cannot move by a nanosecond."""
    clock.now_s = 1e12

    for _ in range(5):
        await gate.acquire("a", quota=_QUOTA)

    assert min(clock.slept_s) >= 0.001


async def test_the_gate_says_how_long_a_request_would_stand(
    gate: RateLimiter, clock: FakeClock
) -> None:
    """Of an endpoint that nobody asked yet, not at all."""
    before_s = gate.send_delay_s("a")
    await gate.acquire("a", quota=_QUOTA)

    wait_s = gate.send_delay_s("a")
    clock.now_s += wait_s
    await gate.acquire("a", quota=_QUOTA)

    assert before_s == 0
    assert wait_s > 0
    assert clock.slept_s == []


def test_an_endpoint_nobody_entered_has_no_pace(gate: RateLimiter) -> None:
    """There is nothing to show."""
    assert gate.pacing("a") is None
