"""Klaviyo client: sends rate-limited requests until Klaviyo gives a final response.

The client also reports to the operator when an endpoint stops responding.
"""

import copy
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import TracebackType
from typing import Self

import msgspec
import structlog

from streams.klaviyo.api.endpoints import DAILY_RETRY_AFTER_MIN_S, Endpoint
from streams.klaviyo.api.import_jobs import ImportJobTracker
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import (
    Accepted,
    AttemptResult,
    Conflict,
    FinalResult,
    NotFound,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
    TooLarge,
)
from streams.klaviyo.api.transport import Transport
from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.rate_limiting.pacing import (
    RequestOutcome,
    Signals,
    backoff_s,
    read_signals,
)

BASE_URL = "https://a.klaviyo.com"
"""Base URL from Klaviyo's OpenAPI document 2026-07-15, `servers`."""

REQUEST_TIMEOUT_S = 60.0
"""Timeout of a request in seconds, longer than any response of Klaviyo should take; the
request is then sent again."""

OUTAGE_AFTER_FAILURES = 3
"""Consecutive temporary failures that count as an outage."""

_ABANDONED_SIGNALS = Signals(outcome=RequestOutcome.ABANDONED)


_log = structlog.get_logger(__name__)


class EndpointCondition(StrEnum):
    """Availability of an endpoint."""

    OPEN = "open"
    OUTAGE = "outage"
    FAULT = "fault"


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Availability of an endpoint, with the reason.

    Attributes:
        endpoint: Klaviyo's operation id.
        condition: OPEN, OUTAGE (temporary) or FAULT (the operator must act).
        reason: Kebab-case code; empty for OPEN.
    """

    endpoint: str
    condition: EndpointCondition = EndpointCondition.OPEN
    reason: str = ""


def log_status(status: EndpointStatus) -> None:
    """Log a change of an endpoint's condition."""
    is_degraded = status.condition is not EndpointCondition.OPEN
    write = _log.warning if is_degraded else _log.info
    write("klaviyo_condition", **msgspec.structs.asdict(status))


class EndpointMonitor:
    """Monitor that reports each change in the condition of an endpoint once.

    Args:
        on_change: Called with every change.
    """

    def __init__(self, on_change: Callable[[EndpointStatus], None]) -> None:
        self._on_change = on_change
        self._failures: dict[str, int] = {}
        self._last_status: dict[str, EndpointStatus] = {}

    def record_result(self, endpoint: str, result: AttemptResult) -> None:
        """Record a result; a throttled result and few failures change no condition."""
        if isinstance(result, Throttled):
            return
        failures = self._failures.get(endpoint, 0) + 1
        self._failures[endpoint] = failures if isinstance(result, Temporary) else 0
        open_status = status = EndpointStatus(endpoint=endpoint)
        if isinstance(result, OperatorFault):
            status = EndpointStatus(
                endpoint=endpoint,
                condition=EndpointCondition.FAULT,
                reason=result.reason,
            )
        elif isinstance(result, Temporary):
            if failures < OUTAGE_AFTER_FAILURES and not result.is_blocked:
                return
            status = EndpointStatus(
                endpoint=endpoint,
                condition=EndpointCondition.OUTAGE,
                reason=result.reason,
            )
        if status != self._last_status.get(endpoint, open_status):
            self._last_status[endpoint] = status
            self._on_change(status)


class KlaviyoClient:
    """Client for the Klaviyo API with a single API key.

    Args:
        api_key: Private key; appears in no log, error or `repr`.
        clock: Source of time and randomness.
        base_url: Scheme and host.
        on_status_change: Called when an endpoint stops responding, and again when the
            endpoint recovers.
        quota_scale: Factor on the published quotas; RateLimit headers of the first
            responses replace the quotas.
        request_timeout_s: Time without a response after which a request is sent again.

    Attributes:
        jobs: Tracker of import jobs.
        waiting_count: Requests of this client that wait at the rate limiter.

    Raises:
        ConfigError: The key or the URL is not valid.
    """

    def __init__(  # noqa: PLR0913  # keyword arguments, two of them required
        self,
        *,
        api_key: str,
        clock: Clock,
        base_url: str = BASE_URL,
        on_status_change: Callable[[EndpointStatus], None] = log_status,
        quota_scale: float = 1.0,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._transport = Transport(
            api_key=api_key, base_url=base_url, timeout_s=request_timeout_s
        )
        self._clock = clock
        self._monitor = EndpointMonitor(on_status_change)
        self._limiter = RateLimiter(clock, quota_scale=quota_scale)
        self._priority = 0
        self.waiting_count = 0
        self.jobs = ImportJobTracker(self)

    def with_priority(self, priority: int) -> Self:
        """Return a copy of the client with another priority.

        Args:
            priority: Priority at the rate limiter; the lowest number goes first.

        Returns:
            A client with a separate count of waiting requests.
        """
        client = copy.copy(self)
        client._priority = priority  # noqa: SLF001 - same class
        client.waiting_count = 0
        return client

    def __repr__(self) -> str:
        return f"KlaviyoClient({self._transport!r})"

    async def __aenter__(self) -> Self:
        self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.jobs.close()
        await self._transport.close()

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo gives a final response, however long that takes.

        The rate limiter pauses an endpoint during throttling, outages and operator
        faults, and the next request probes the endpoint. A request may therefore be
        executed twice and must be idempotent; all requests but `create_list` are.

        Returns:
            The final result with the number of attempts; `is_uncertain` is true if an
            earlier attempt may have been executed.
        """
        attempts, is_uncertain = 0, False
        while True:
            result = await self.attempt(request)
            attempts += 1
            match result:
                case Throttled() | OperatorFault():
                    pass
                case Temporary():
                    is_uncertain = True
                case Accepted() | Rejected() | NotFound() | Conflict() | TooLarge():
                    return msgspec.structs.replace(
                        result, attempts=attempts, is_uncertain=is_uncertain
                    )

    async def attempt(self, request: Request) -> AttemptResult:
        """Send a request once, after waiting at the rate limiter."""
        endpoint = request.endpoint
        self.waiting_count += 1
        try:
            await self._limiter.acquire(
                endpoint.name, quota=endpoint.quota, priority=self._priority
            )
        finally:
            self.waiting_count -= 1
        signals, sent_s = _ABANDONED_SIGNALS, self._clock.monotonic_s()
        try:
            result, headers = await self._transport.exchange(request)
            latency_s = self._clock.monotonic_s() - sent_s
            signals = _read_signals(endpoint, result, headers, latency_s=latency_s)
        finally:
            self._limiter.on_response(endpoint.name, signals)
        self._monitor.record_result(endpoint.name, result)
        return result

    def send_delay_s(self, endpoint: Endpoint) -> float:
        """Return the shortest delay, in seconds, for a request that is sent now."""
        return self._limiter.send_delay_s(endpoint.name)

    async def back_off(self, *, failures: int) -> None:
        """Wait for a random time that grows with consecutive failures."""
        jitter = self._clock.rng()
        await self._limiter.sleep(backoff_s(failures, jitter=jitter))

    async def pause(self, wait_s: float) -> None:
        """Wait the given number of seconds."""
        await self._limiter.sleep(wait_s)


def _read_signals(
    endpoint: Endpoint,
    result: AttemptResult,
    headers: Mapping[str, str],
    *,
    latency_s: float,
) -> Signals:
    """Translate a result to signals for the rate limiter.

    An exhausted daily quota must not pause the endpoint, so the result counts as served
    and the caller handles the result.
    """
    match result:
        case Throttled(retry_after_s=wait_s):
            is_daily = (
                endpoint.daily_limit is not None and wait_s > DAILY_RETRY_AFTER_MIN_S
            )
            outcome = RequestOutcome.SERVED if is_daily else RequestOutcome.THROTTLED
            wait_s = 0.0 if is_daily else wait_s
        case Temporary() | OperatorFault():
            outcome, wait_s = RequestOutcome.FAILED, 0.0
        case _:
            outcome, wait_s = RequestOutcome.SERVED, 0.0
    return read_signals(
        headers, outcome=outcome, retry_after_s=wait_s, latency_s=latency_s
    )
