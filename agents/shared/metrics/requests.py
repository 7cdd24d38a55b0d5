"""Metrics of requests to Klaviyo, and what a lane's batch learns from its requests."""

import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Final

from prometheus_client import Counter, Histogram

from agents.shared.metrics.registry import WorkerMetrics
from streams.klaviyo.api.endpoints import IMPORT_PROFILES
from streams.klaviyo.api.results import (
    Accepted,
    Attempt,
    AttemptResult,
    OperatorFault,
    Temporary,
    Throttled,
)
from streams.klaviyo.api.wait_causes import Wait, wait_of

CLOCK_CHECK_INTERVAL_MS: Final = 10_000
"""Time between two readings of the header Date; our own."""

_DATE_RESOLUTION_S: Final = 1.0
"""Resolution of the header Date (RFC 9110, 5.6.7): its time is half of that late."""


@dataclass(slots=True, eq=False)
class BatchTrace:
    """Progress of a lane's batch, as its requests show it.

    Attributes:
        accepted_ms: Time at which Klaviyo last accepted a change; 0 before the first.
        imports_ms: Times at which Klaviyo accepted import jobs.
        wait: Reason for which the latest request is sent again; None if it is not.
    """

    accepted_ms: int = 0
    imports_ms: list[int] = field(default_factory=list)
    wait: Wait | None = None

    def note(self, attempt: Attempt, *, now_ms: int) -> None:
        """Note the result of a request that the batch has made."""
        endpoint = attempt.endpoint
        self.wait = wait_of(endpoint, attempt.result)
        if isinstance(attempt.result, Accepted) and endpoint.method != "GET":
            self.accepted_ms = now_ms
            if endpoint is IMPORT_PROFILES:
                self.imports_ms.append(now_ms)


current_batch: contextvars.ContextVar[BatchTrace | None] = contextvars.ContextVar(
    "current_batch", default=None
)
"""Batch that the running task sends; None for requests of no lane."""


class RequestMetrics:
    """Counter of requests; a client calls it after each attempt.

    Args:
        metrics: Metrics of the worker.
        now_ms: Clock, milliseconds since the epoch.
    """

    def __init__(self, metrics: WorkerMetrics, now_ms: Callable[[], int]) -> None:
        self._metrics = metrics
        self._now_ms = now_ms
        self._endpoints: dict[str, _EndpointMetrics] = {}
        self._next_clock_check_ms = 0

    def __call__(self, attempt: Attempt) -> None:
        """Count an attempt, and note it in the batch that made it."""
        now_ms = self._now_ms()
        name = attempt.endpoint.name
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            endpoint = self._endpoints[name] = _EndpointMetrics(self._metrics, name)
        endpoint.count(attempt)
        if isinstance(attempt.result, Temporary) and attempt.result.is_blocked:
            self._blocked.inc()
        self._compare_clocks(attempt.headers.get("date", ""), now_ms)
        if (batch := current_batch.get()) is not None:
            batch.note(attempt, now_ms=now_ms)

    @cached_property
    def _blocked(self) -> Counter:
        return self._metrics.counter("blocked_responses_total")

    def _compare_clocks(self, date_text: str, now_ms: int) -> None:
        if not date_text or now_ms < self._next_clock_check_ms:
            return
        self._next_clock_check_ms = now_ms + CLOCK_CHECK_INTERVAL_MS
        try:
            date_s = parsedate_to_datetime(date_text).timestamp()
        except (ValueError, TypeError, OverflowError):
            return
        difference_s = date_s + _DATE_RESOLUTION_S / 2 - now_ms / 1000
        self._metrics.gauge("clock_difference_seconds", "klaviyo").set(difference_s)


class _EndpointMetrics:
    """Metrics of an endpoint, with the labels resolved once."""

    def __init__(self, metrics: WorkerMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name
        self._duration: Histogram = metrics.histogram("request_duration_seconds", name)
        self._wait_s = metrics.counter("limiter_wait_seconds_total", name)
        self._children: dict[tuple[str, str], Counter] = {}

    def count(self, attempt: Attempt) -> None:
        """Count an attempt to send a request."""
        self._duration.observe(attempt.latency_s)
        self._wait_s.inc(attempt.limiter_wait_s)
        status = str(attempt.result.status or "none")
        self._child("requests_total", status).inc()
        if cause := retry_cause(attempt.result):
            self._child("request_retries_total", cause).inc()

    def _child(self, metric: str, value: str) -> Counter:
        child = self._children.get((metric, value))
        if child is None:
            child = self._metrics.counter(metric, self._name, value)
            self._children[metric, value] = child
        return child


def retry_cause(result: AttemptResult) -> str:
    """Return the cause for which a request is sent again; empty if it is not."""
    match result:
        case Throttled():
            return "throttled"
        case OperatorFault():
            return "operator"
        case Temporary(is_blocked=True):
            return "blocked"
        case Temporary(status=0):
            return "network"
        case Temporary():
            return "unavailable"
        case _:
            return ""
