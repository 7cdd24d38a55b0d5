"""Klaviyo's quota, workers and another tool, as a discrete-event simulation.

Nothing here waits: the time jumps from event to event, so hours pass in moments. A
worker does what the gate does: asks `next_free_s`, sleeps that long, asks again. All
chance comes from one seeded generator, so a run can be repeated exactly.
"""

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.pacing.signals import Outcome, Signals
from streams.pacing.window import Pace, Quota, fed, next_free_s, spend
from tests.streams.pacing.server import Reply, Server

MINUTE_S = 60.0
HOUR_S = 3_600.0
TOOL = "tool"

_TICK_S = 0.001
_LATENCY_S = 0.2
_FIXED_SHARE = 0.2
_OUTCOMES = {200: Outcome.SERVED, 429: Outcome.THROTTLED, 503: Outcome.FAILED}


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of one sender's requests.

    Attributes:
        served: Those that were admitted, by the minute.
        sent: All of them, by the minute.
        refused: Those that were answered 429.
        starved: Of these, those that would have been admitted without workers.
    """

    served: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    starved: int = 0

    def served_between(self, from_s: float, until_s: float) -> int:
        """Count those admitted in whole minutes."""
        minutes = range(int(from_s // MINUTE_S), int(until_s // MINUTE_S))
        return sum(self.served[minute] for minute in minutes)

    def sent_between(self, from_s: float, until_s: float) -> int:
        """Count those that reached Klaviyo in whole minutes."""
        minutes = range(int(from_s // MINUTE_S), int(until_s // MINUTE_S))
        return sum(self.sent[minute] for minute in minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """When a sender is there."""

    from_s: float = 0.0
    until_s: float = math.inf


@dataclass(slots=True, kw_only=True)
class _Worker:
    pace: Pace
    until_s: float
    tally: Tally


_ALWAYS = Stay()


class Simulation:
    """One key, one endpoint, any number of senders.

    Args:
        server: What answers.
        published: The quota the workers start with; the server's, when not given.
        seed: Of all chance.
        latency_s: Mean time of a request there and back; a fifth of it is fixed.
    """

    def __init__(
        self,
        server: Server,
        *,
        seed: int,
        published: Quota | None = None,
        latency_s: float = _LATENCY_S,
    ) -> None:
        self.server = server
        self.now_s = 0.0
        self.workers: dict[str, Tally] = {}
        self.tool = Tally()
        self._published = published or server.quota
        self._latency_s = latency_s
        self._rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def add_workers(self, count: int, stay: Stay = _ALWAYS) -> list[Tally]:
        """Let workers come, each with a permanent backlog."""
        return [self._add_worker(stay) for _ in range(count)]

    def add_tool(self, share: float, stay: Stay = _ALWAYS) -> None:
        """Let another tool use a share of the quota, at random; it drops the 429s."""
        per_s = self.server.quota.steady_per_min * share / MINUTE_S

        def send() -> None:
            if self.now_s < stay.until_s:
                self._request(self.tool, lambda _reply, _latency_s: None, ours=False)
                self._at(self.now_s + self._rng.expovariate(per_s), send)

        self._at(stay.from_s + self._rng.expovariate(per_s), send)

    def run(self, *, until_s: float) -> None:
        """Let the time pass."""
        events = self._events
        while events and events[0][0] < until_s:
            self.now_s, _, happen = heapq.heappop(events)
            happen()
        self.now_s = until_s

    def _add_worker(self, stay: Stay) -> Tally:
        tally = Tally()
        self.workers[f"worker-{len(self.workers)}"] = tally
        pace = Pace(quota=self._published)
        worker = _Worker(pace=pace, until_s=stay.until_s, tally=tally)
        self._at(stay.from_s, lambda: self._step(worker))
        return tally

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (at_s, self._count, happen))

    def _step(self, worker: _Worker) -> None:
        """Do what the gate does."""
        if self.now_s >= worker.until_s:
            return
        wait_s = next_free_s(worker.pace, now_s=self.now_s)
        if wait_s <= 0:
            worker.pace = spend(worker.pace, now_s=self.now_s)
            self._request(
                worker.tally,
                lambda reply, latency_s: self._feed(worker, reply, latency_s),
                ours=True,
            )
        self._at(self.now_s + max(wait_s, _TICK_S), lambda: self._step(worker))

    def _request(
        self, tally: Tally, then: Callable[[Reply, float], None], *, ours: bool
    ) -> None:
        drawn = self._rng.expovariate(1.0)
        latency_s = self._latency_s * (_FIXED_SHARE + (1 - _FIXED_SHARE) * drawn)

        def arrive() -> None:
            reply = self.server.answer(now_s=self.now_s, ours=ours)
            minute = int(self.now_s // MINUTE_S)
            tally.sent[minute] += 1
            tally.served[minute] += reply.status == 200
            tally.refused += reply.status == 429
            tally.starved += reply.starved
            self._at(self.now_s + latency_s / 2, lambda: then(reply, latency_s))

        self._at(self.now_s + latency_s / 2, arrive)

    def _feed(self, worker: _Worker, reply: Reply, latency_s: float) -> None:
        signals = Signals(
            outcome=_OUTCOMES[reply.status],
            retry_after_s=reply.retry_after_s,
            remaining=reply.remaining,
            reset_s=reply.reset_s,
            burst_per_s=reply.burst_per_s,
            steady_per_min=reply.steady_per_min,
            latency_s=latency_s,
        )
        chance = self._rng.random()
        worker.pace = fed(worker.pace, signals, now_s=self.now_s, chance=chance)
