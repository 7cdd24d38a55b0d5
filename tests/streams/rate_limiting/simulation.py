"""Klaviyo's quota, workers and another tool, as a discrete-event simulation.

The simulation does not sleep: time jumps from event to event, so hours take a moment. A
worker acts like the rate limiter: calls `send_delay_s`, sleeps, and calls again. All
random numbers come from a seeded generator, so each run can be repeated exactly.
"""

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.rate_limiting.controller import on_response
from streams.rate_limiting.pacing import (
    EndpointPacing,
    Quota,
    RequestOutcome,
    Signals,
    on_send,
    send_delay_s,
)
from tests.streams.rate_limiting.quota_server import QuotaServer, Reply

MINUTE_S = 60.0
HOUR_S = 3_600.0
TOOL = "tool"

_TICK_S = 0.001
_LATENCY_S = 0.2
_FIXED_SHARE = 0.2
_OUTCOMES = {
    200: RequestOutcome.SERVED,
    429: RequestOutcome.THROTTLED,
    503: RequestOutcome.FAILED,
}


@dataclass(slots=True, kw_only=True)
class RequestCounts:
    """Requests of a sender by result and minute.

    Attributes:
        served: Those that were admitted, by the minute.
        sent: All requests, by the minute.
        refused: Requests with the reply 429.
        starved: Of these, those that would have been admitted without workers.
    """

    served: Counter[int] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    starved: int = 0

    def served_between(self, from_s: float, until_s: float) -> int:
        """Count the requests admitted in whole minutes."""
        minutes = range(int(from_s // MINUTE_S), int(until_s // MINUTE_S))
        return sum(self.served[minute] for minute in minutes)

    def sent_between(self, from_s: float, until_s: float) -> int:
        """Count the requests that reached Klaviyo in whole minutes."""
        minutes = range(int(from_s // MINUTE_S), int(until_s // MINUTE_S))
        return sum(self.sent[minute] for minute in minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivePeriod:
    """Period in which a sender is active."""

    from_s: float = 0.0
    until_s: float = math.inf


@dataclass(slots=True, kw_only=True)
class _Worker:
    pacing: EndpointPacing
    until_s: float
    counts: RequestCounts


_ALWAYS = ActivePeriod()


class Simulation:
    """Simulation of an account with a single endpoint and any number of senders.

    Args:
        server: Simulated server.
        published: The quota the workers start with; the server's, when not given.
        seed: Seed of all random numbers.
        latency_s: Mean round-trip time; a fifth is fixed.
    """

    def __init__(
        self,
        server: QuotaServer,
        *,
        seed: int,
        published: Quota | None = None,
        latency_s: float = _LATENCY_S,
    ) -> None:
        self.server = server
        self.now_s = 0.0
        self.workers: dict[str, RequestCounts] = {}
        self.tool = RequestCounts()
        self._published = published or server.quota
        self._latency_s = latency_s
        self._rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def add_workers(
        self, count: int, stay: ActivePeriod = _ALWAYS
    ) -> list[RequestCounts]:
        """Add workers, each with a permanent backlog."""
        return [self._add_worker(stay) for _ in range(count)]

    def add_tool(self, share: float, stay: ActivePeriod = _ALWAYS) -> None:
        """Add a tool that uses a share of the quota at random and drops 429s."""
        per_s = self.server.quota.steady_per_min * share / MINUTE_S

        def send() -> None:
            if self.now_s < stay.until_s:
                self._request(
                    self.tool, lambda _reply, _latency_s: None, from_worker=False
                )
                self._schedule(self.now_s + self._rng.expovariate(per_s), send)

        self._schedule(stay.from_s + self._rng.expovariate(per_s), send)

    def run(self, *, until_s: float) -> None:
        """Advance the simulation to a time."""
        events = self._events
        while events and events[0][0] < until_s:
            self.now_s, _, event = heapq.heappop(events)
            event()
        self.now_s = until_s

    def _add_worker(self, stay: ActivePeriod) -> RequestCounts:
        counts = RequestCounts()
        self.workers[f"worker-{len(self.workers)}"] = counts
        pacing = EndpointPacing(quota=self._published)
        worker = _Worker(pacing=pacing, until_s=stay.until_s, counts=counts)
        self._schedule(stay.from_s, lambda: self._try_send(worker))
        return counts

    def _schedule(self, at_s: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (at_s, self._count, event))

    def _try_send(self, worker: _Worker) -> None:
        """Send if the rate limiter would, and schedule the next attempt."""
        if self.now_s >= worker.until_s:
            return
        wait_s = send_delay_s(worker.pacing, now_s=self.now_s)
        if wait_s <= 0:
            worker.pacing = on_send(worker.pacing, now_s=self.now_s)
            self._request(
                worker.counts,
                lambda reply, latency_s: self._on_reply(worker, reply, latency_s),
                from_worker=True,
            )
        self._schedule(
            self.now_s + max(wait_s, _TICK_S), lambda: self._try_send(worker)
        )

    def _request(
        self,
        counts: RequestCounts,
        on_reply: Callable[[Reply, float], None],
        *,
        from_worker: bool,
    ) -> None:
        drawn = self._rng.expovariate(1.0)
        latency_s = self._latency_s * (_FIXED_SHARE + (1 - _FIXED_SHARE) * drawn)

        def arrive() -> None:
            reply = self.server.answer(now_s=self.now_s, from_worker=from_worker)
            minute = int(self.now_s // MINUTE_S)
            counts.sent[minute] += 1
            counts.served[minute] += reply.status == 200
            counts.refused += reply.status == 429
            counts.starved += reply.starved
            self._schedule(
                self.now_s + latency_s / 2, lambda: on_reply(reply, latency_s)
            )

        self._schedule(self.now_s + latency_s / 2, arrive)

    def _on_reply(self, worker: _Worker, reply: Reply, latency_s: float) -> None:
        signals = Signals(
            outcome=_OUTCOMES[reply.status],
            retry_after_s=reply.retry_after_s,
            remaining=reply.remaining,
            reset_s=reply.reset_s,
            burst_per_s=reply.burst_per_s,
            steady_per_min=reply.steady_per_min,
            latency_s=latency_s,
        )
        jitter = self._rng.random()
        worker.pacing = on_response(
            worker.pacing, signals, now_s=self.now_s, jitter=jitter
        )
