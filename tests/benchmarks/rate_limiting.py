"""Simulated days of rate limiting: `python -m tests.benchmarks.rate_limiting`.

Workers with a permanent backlog share the quota of one endpoint with another tool that
sends 30 % of it at random moments and drops what is throttled. No clock is read but for
the CPU time; one seed gives one table.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import click

from streams.rate_limiting.pacing import Quota
from tests.streams.rate_limiting.measurements import measure
from tests.streams.rate_limiting.quota_server import (
    Headers,
    QuotaServer,
    fixed_window_server,
    sliding_window_server,
)
from tests.streams.rate_limiting.simulation import HOUR_S, Simulation

TOOL_SHARE = 0.3
WORKERS = (1, 4, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Block of the table; `hours_of_a_day` shortens the slow runs."""

    name: str
    burst_per_s: int
    steady_per_min: int
    server: Callable[[Quota], QuotaServer] = fixed_window_server
    tool_share: float = TOOL_SHARE
    headers: Headers = Headers.ALL
    hours_of_a_day: float = 24.0


_CASES = (
    _Case(name="medium", burst_per_s=10, steady_per_min=150),
    _Case(name="large", burst_per_s=75, steady_per_min=750, hours_of_a_day=6),
    _Case(name="huge", burst_per_s=350, steady_per_min=3_500, hours_of_a_day=1),
    _Case(name="small", burst_per_s=3, steady_per_min=60),
    _Case(name="tiny", burst_per_s=1, steady_per_min=15),
    _Case(
        name="no tool",
        burst_per_s=10,
        steady_per_min=150,
        tool_share=0.0,
        hours_of_a_day=6,
    ),
    _Case(name="tiny, no tool", burst_per_s=1, steady_per_min=15, tool_share=0.0),
    _Case(
        name="no headers",
        burst_per_s=10,
        steady_per_min=150,
        headers=Headers.NONE,
        hours_of_a_day=6,
    ),
    _Case(
        name="sliding windows",
        burst_per_s=10,
        steady_per_min=150,
        server=sliding_window_server,
        hours_of_a_day=6,
    ),
)


@click.command()
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(min=1))
@click.option("--seed", default=1, show_default=True, type=int)
def main(*, hours: float, seed: int) -> None:
    """Print what pacing makes of the quotas; nothing is asserted."""
    click.echo(
        f"command  python -m tests.benchmarks.rate_limiting --hours {hours:g}", nl=False
    )
    click.echo(f" --seed {seed}")
    click.echo(
        f"{'quota':<16}{'/s':>5}{'/min':>6}{'workers':>8}{'hours':>6}{'used':>8}"
        f"{'429':>8}{'starved':>9}{'most/least':>12}{'CPU s':>7}"
    )
    for case in _CASES:
        for workers in WORKERS:
            click.echo(_row(case, workers, hours=hours, seed=seed))


def _row(case: _Case, workers: int, *, hours: float, seed: int) -> str:
    began_s = time.process_time()
    quota = Quota(burst_per_s=case.burst_per_s, steady_per_min=case.steady_per_min)
    server = case.server(quota)
    server.headers = case.headers
    simulation = Simulation(server, seed=seed)
    simulation.add_workers(workers)
    if case.tool_share:
        simulation.add_tool(case.tool_share)
    length_h = max(1.0, round(hours * case.hours_of_a_day / 24.0))
    simulation.run(until_s=length_h * HOUR_S)
    found = measure(simulation)
    cpu_s = time.process_time() - began_s
    return (
        f"{case.name:<16}{quota.burst_per_s:>5}{quota.steady_per_min:>6}{workers:>8}"
        f"{length_h:>6.0f}{found.used:>8.1%}{found.refused:>8.2%}"
        f"{found.starved:>9.2%}{found.unfairness:>12.2f}{cpu_s:>7.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
