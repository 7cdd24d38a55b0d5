"""Hours of pacing in moments: the quota is used, shared and left to others."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from streams.rate_limiting.pacing import Quota
from tests.streams.rate_limiting.measurements import measure
from tests.streams.rate_limiting.quota_server import (
    Headers,
    QuotaServer,
    Reply,
    fixed_window_server,
    sliding_window_server,
)
from tests.streams.rate_limiting.simulation import (
    HOUR_S,
    MINUTE_S,
    ActivePeriod,
    Simulation,
)

pytestmark = pytest.mark.no_cover
"""Traced, hours take four times as long; other tests cover the same lines."""

_MEDIUM = Quota(burst_per_s=10, steady_per_min=150)
_SMALL = Quota(burst_per_s=3, steady_per_min=60)
_TINY = Quota(burst_per_s=1, steady_per_min=15)
_SEED = 3


def shared_key(
    server: QuotaServer, *, workers: int, tool_share: float = 0.3
) -> Simulation:
    """Simulate workers that share an account with a tool."""
    simulation = Simulation(server, seed=_SEED)
    simulation.add_workers(workers)
    if tool_share:
        simulation.add_tool(tool_share)
    return simulation


def single_worker(fault: Callable[[float], Reply | None]) -> Simulation:
    """Simulate a sole worker with a server fault."""
    server = fixed_window_server(_MEDIUM)
    server.fault = fault
    return shared_key(server, workers=1, tool_share=0.0)


@pytest.mark.parametrize(
    ("quota", "workers"),
    [
        pytest.param(_MEDIUM, 1, id="150-a-minute"),
        pytest.param(_MEDIUM, 4, id="150-by-4"),
        pytest.param(_MEDIUM, 16, id="150-by-16"),
        pytest.param(Quota(burst_per_s=75, steady_per_min=750), 16, id="750-by-16"),
    ],
)
def test_what_another_tool_leaves_is_used_and_fairly_shared(
    quota: Quota, workers: int
) -> None:
    """From a cold start; the second hour is judged, throttling from the beginning."""
    simulation = shared_key(fixed_window_server(quota), workers=workers)

    simulation.run(until_s=2 * HOUR_S)
    measured = measure(simulation, from_s=HOUR_S)

    assert measured.used >= 0.90
    assert measured.unfairness <= 1.20
    assert measured.refused < 0.01
    assert measured.starved < 0.01


@pytest.mark.parametrize(
    ("quota", "workers", "used", "refused"),
    [
        pytest.param(_TINY, 1, 0.95, 0.0, id="15-a-minute"),
        pytest.param(_TINY, 4, 0.80, 0.05, id="15-by-4"),
        pytest.param(_TINY, 16, 0.80, 0.15, id="15-by-16"),
        pytest.param(_SMALL, 1, 0.95, 0.0, id="60-a-minute"),
        pytest.param(_SMALL, 4, 0.90, 0.01, id="60-by-4"),
        pytest.param(_SMALL, 16, 0.90, 0.03, id="60-by-16"),
    ],
)
def test_small_quotas_are_used_too(
    quota: Quota, workers: int, used: float, refused: float
) -> None:
    """A quota of 1/s has collisions: 11 % of random arrivals collide."""
    simulation = shared_key(fixed_window_server(quota), workers=workers, tool_share=0.0)

    simulation.run(until_s=3 * HOUR_S)
    measured = measure(simulation, from_s=HOUR_S)

    assert measured.used >= used
    assert measured.refused <= refused


@pytest.mark.parametrize("begins_s", [0.0, 25.0, 50.0])
@pytest.mark.parametrize(
    "quota",
    [
        pytest.param(Quota(burst_per_s=1, steady_per_min=6), id="6-a-minute"),
        pytest.param(_TINY, id="15-a-minute"),
        pytest.param(_SMALL, id="60-a-minute"),
        pytest.param(_MEDIUM, id="150-a-minute"),
    ],
)
def test_a_sole_worker_has_the_whole_quota_from_the_third_window_on(
    quota: Quota, begins_s: float
) -> None:
    """Every window of an hour is used, whenever the worker starts."""
    simulation = Simulation(fixed_window_server(quota), seed=_SEED)
    (worker,) = simulation.add_workers(1, ActivePeriod(from_s=begins_s))

    simulation.run(until_s=HOUR_S)

    windows = [worker.served[minute] for minute in range(3, 60)]
    assert min(windows) >= 0.95 * quota.steady_per_min
    assert worker.refused < 0.01 * worker.sent.total()


def test_slow_answers_do_not_hide_when_a_window_ends() -> None:
    """Late responses report late ends, and the earliest reported end counts."""
    simulation = Simulation(fixed_window_server(_TINY), seed=_SEED, latency_s=1.0)
    (worker,) = simulation.add_workers(1)

    simulation.run(until_s=HOUR_S)

    served = worker.served_between(3 * MINUTE_S, HOUR_S)
    assert served >= 0.98 * 57 * _TINY.steady_per_min


def test_a_key_with_a_tenth_of_the_published_quota_is_not_overrun() -> None:
    """The first response reports the real quota."""
    simulation = Simulation(
        fixed_window_server(_MEDIUM), seed=_SEED, published=_MEDIUM.scaled(10)
    )
    simulation.add_workers(4)
    simulation.add_tool(0.3)

    simulation.run(until_s=HOUR_S)
    measured = measure(simulation)

    assert measured.used >= 0.90
    assert measured.refused < 0.01


@pytest.mark.parametrize(
    ("headers", "used", "refused"),
    [
        pytest.param(Headers.NONE, 0.70, 0.02, id="none"),
        pytest.param(Headers.BURST, 0.70, 0.02, id="burst-only"),
        pytest.param(Headers.STEADY | Headers.REMAINING, 0.90, 0.01, id="no-burst"),
        pytest.param(Headers.BURST | Headers.REMAINING, 0.90, 0.01, id="no-steady"),
        pytest.param(Headers.REMAINING, 0.90, 0.01, id="no-limits"),
    ],
)
@pytest.mark.parametrize("workers", [1, 4])
def test_missing_headers_cost_some_use_and_no_storm(
    workers: int, headers: Headers, used: float, refused: float
) -> None:
    """Without headers only a 429 shows the limit."""
    server = fixed_window_server(_MEDIUM)
    server.headers = headers
    simulation = shared_key(server, workers=workers)

    simulation.run(until_s=HOUR_S)
    measured = measure(simulation)

    assert measured.used >= used
    assert measured.refused < refused


@pytest.mark.parametrize("workers", [1, 16])
@pytest.mark.parametrize("skew_s", [-2.0, 2.0])
def test_a_reset_wrong_by_seconds_costs_little(skew_s: float, workers: int) -> None:
    """Early resets cause some 429s; late resets leave some quota unused."""
    server = fixed_window_server(_MEDIUM)
    server.skew_s = skew_s
    simulation = shared_key(server, workers=workers)

    simulation.run(until_s=HOUR_S)
    measured = measure(simulation)

    assert measured.used >= 0.80
    assert measured.refused < 0.04


@pytest.mark.parametrize("workers", [1, 4])
def test_sliding_windows_are_used_too(workers: int) -> None:
    """Sliding windows work, although Klaviyo's windows are fixed."""
    simulation = shared_key(sliding_window_server(_MEDIUM), workers=workers)

    simulation.run(until_s=HOUR_S)
    measured = measure(simulation)

    assert measured.used >= 0.85
    assert measured.refused < 0.01


@pytest.mark.parametrize("workers", [1, 4])
def test_answers_of_five_seconds_are_no_reason_to_overrun(workers: int) -> None:
    """Workers stay within the quota although headers are seconds old."""
    simulation = Simulation(fixed_window_server(_MEDIUM), seed=_SEED, latency_s=5.0)
    simulation.add_workers(workers)
    simulation.add_tool(0.3)

    simulation.run(until_s=HOUR_S)
    measured = measure(simulation)

    assert measured.used >= 0.70
    assert measured.refused < 0.01
    assert measured.starved < 0.01


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_workers_adapt_to_a_tool_that_starts_and_stops(
    workers: int,
) -> None:
    """Workers adapt to a new tool within a minute and to its end within three."""
    simulation = shared_key(
        fixed_window_server(_MEDIUM), workers=workers, tool_share=0.0
    )
    simulation.add_tool(0.3, ActivePeriod(from_s=20 * MINUTE_S, until_s=40 * MINUTE_S))

    simulation.run(until_s=60 * MINUTE_S)

    before = measure(simulation, from_s=15 * MINUTE_S, until_s=20 * MINUTE_S)
    beside = measure(simulation, from_s=22 * MINUTE_S, until_s=40 * MINUTE_S)
    after = measure(simulation, from_s=43 * MINUTE_S, until_s=48 * MINUTE_S)
    assert beside.starved < 0.03
    assert min(before.used, after.used, beside.used) >= 0.90


def test_workers_adapt_to_a_worker_that_joins_and_leaves() -> None:
    """A new worker has a fair share after an hour."""
    simulation = Simulation(fixed_window_server(_MEDIUM), seed=_SEED)
    simulation.add_tool(0.3)
    simulation.add_workers(3)
    simulation.add_workers(1, ActivePeriod(from_s=HOUR_S, until_s=3 * HOUR_S))

    simulation.run(until_s=4 * HOUR_S)

    together = measure(simulation, from_s=2 * HOUR_S, until_s=3 * HOUR_S)
    after = measure(simulation, from_s=3 * HOUR_S + 5 * MINUTE_S)
    assert together.unfairness <= 1.20
    assert together.used >= 0.90
    assert after.used >= 0.90
    assert after.starved < 0.01


def test_an_hour_of_503_is_probed_each_minute_and_ends_at_once() -> None:
    """Two minutes later the quota is used as before."""
    down = Reply(status=503)
    simulation = single_worker(
        lambda now_s: down if HOUR_S <= now_s < 2 * HOUR_S else None
    )

    simulation.run(until_s=3 * HOUR_S)

    probes = simulation.workers["worker-0"].sent_between(HOUR_S, 2 * HOUR_S)
    back_s = 2 * HOUR_S + 2 * MINUTE_S
    after = measure(simulation, from_s=back_s, until_s=back_s + 2 * MINUTE_S)
    assert 60 <= probes <= 200
    assert after.used >= 0.90


@pytest.mark.parametrize(
    "length_s",
    [
        pytest.param(10.0, id="a-429-for-ten-seconds"),
        pytest.param(300.0, id="retry-after-300"),
        pytest.param(6 * HOUR_S, id="a-daily-quota-restored"),
    ],
)
def test_a_throttled_worker_is_back_within_two_minutes(length_s: float) -> None:
    """A worker uses 90 % of the quota in the third minute after the end."""
    ends_s = HOUR_S + length_s

    def fault(now_s: float) -> Reply | None:
        if HOUR_S <= now_s < ends_s:
            return Reply(status=429, retry_after_s=ends_s - now_s)
        return None

    simulation = single_worker(fault)
    simulation.run(until_s=ends_s + 10 * MINUTE_S)

    back_s = (ends_s // MINUTE_S + 3) * MINUTE_S
    worker = simulation.workers["worker-0"]
    assert 1 <= worker.refused <= 3
    assert measure(simulation, from_s=back_s, until_s=back_s + MINUTE_S).used >= 0.90


def test_the_same_seed_gives_the_same_hours() -> None:
    """All random numbers come from the seed."""
    runs = []
    for _ in range(2):
        simulation = shared_key(fixed_window_server(replace(_MEDIUM)), workers=4)
        simulation.run(until_s=10 * MINUTE_S)
        runs.append(measure(simulation))

    assert runs[0] == runs[1]
