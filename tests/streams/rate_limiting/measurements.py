"""Measurements of a simulation, in terms of the project's promises."""

from dataclasses import dataclass

from tests.streams.rate_limiting.simulation import HOUR_S, MINUTE_S, Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """Of a stretch of time.

    Attributes:
        used: Used fraction of the quota that the other tool leaves.
        refused: Fraction of the workers' requests with the reply 429, from the start.
        starved: Fraction of the tool's requests with the reply 429 because of the
            workers, from the start.
        unfairness: Most over least served of the workers; the worst hour.
    """

    used: float
    refused: float
    starved: float
    unfairness: float


def measure(
    simulation: Simulation, *, from_s: float = 0.0, until_s: float | None = None
) -> Measurements:
    """Measure a period, which is whole hours or less than an hour."""
    end_s = until_s or simulation.now_s
    tool, workers = simulation.tool, simulation.workers.values()
    quota = simulation.server.quota.steady_per_min * (end_s - from_s) / MINUTE_S
    served = sum(counts.served_between(from_s, end_s) for counts in workers)
    return Measurements(
        used=served / (quota - tool.served_between(from_s, end_s)),
        refused=_fraction(
            sum(counts.refused for counts in workers),
            sum(counts.sent.total() for counts in workers),
        ),
        starved=_fraction(tool.starved, tool.sent.total()),
        unfairness=max(_unfairness(simulation, from_s=from_s, until_s=end_s)),
    )


def _fraction(count: int, total: int) -> float:
    return count / total if total else 0.0


def _unfairness(
    simulation: Simulation, *, from_s: float, until_s: float
) -> list[float]:
    step_s = min(HOUR_S, until_s - from_s)
    hours = int((until_s - from_s) / step_s)
    ratios = []
    for hour in range(hours):
        begin_s = from_s + hour * step_s
        counts = [
            counts.served_between(begin_s, begin_s + step_s)
            for counts in simulation.workers.values()
        ]
        ratios.append(max(counts) / max(1, min(counts)))
    return ratios
