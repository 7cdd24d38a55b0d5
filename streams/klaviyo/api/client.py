"""The client: sends requests at the gate's pace until Klaviyo settles them."""

import copy
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import msgspec

from streams.klaviyo.api.endpoints import DAILY_RETRY_AFTER_MIN_S, Endpoint
from streams.klaviyo.api.import_jobs import ImportJobTracker
from streams.klaviyo.api.protocol import KlaviyoApi
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
from streams.klaviyo.api.status import EndpointMonitor, EndpointStatus, log_status
from streams.klaviyo.api.transport import Transport
from streams.rate_limiting.backoff import backoff_s
from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.rate_limiting.signals import RequestOutcome, Signals, read_signals

BASE_URL = "https://a.klaviyo.com"
"""Klaviyo OpenAPI 2026-07-15, `servers`."""

REQUEST_TIMEOUT_S = 60.0
"""Longer than any answer of Klaviyo's should take; then it is sent again."""

ATTEMPTS_MAX = 3
"""Ours: so often a person's command asks a Klaviyo that does not answer."""

_REMEDIES: Mapping[str, str] = {
    "cannot-connect": "is that where Klaviyo is, and does the network lead there?",
    "unauthorized": "Klaviyo does not know the API key; make a private key there",
    "permission-denied": "the API key lacks a scope of this: {scopes}",
    "blocked-by-challenge": "Klaviyo blocks this address; have it allow-listed there",
    "revision-retired": "Klaviyo has no such revision any more; upgrade this program",
}
"""Reason of an answer → what the operator can do."""


_ABANDONED_SIGNALS = Signals(outcome=RequestOutcome.ABANDONED)


class KlaviyoClient:
    """Calls Klaviyo with one API key.

    Args:
        api_key: Private key; it is in no log, error or `repr`.
        clock: Clock, sleep and chance.
        base_url: Scheme and host.
        on_status_change: Told when an endpoint stops answering, and when it answers
            again.
        quota_scale: Share of the published quotas to start with; the RateLimit headers
            of the first answers replace it.
        request_timeout_s: After so long without an answer a request is sent again.

    Attributes:
        jobs: The import jobs it follows.
        waiting_count: How many of its requests stand at the gate.

    Raises:
        ConfigError: The key or the URL cannot be one.
    """

    def __init__(  # noqa: PLR0913  # each by its name, and only two have no default
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
        self._quota_scale = quota_scale
        self._limiter = RateLimiter(clock)
        self._priority = 0
        self.waiting_count = 0
        self.jobs = ImportJobTracker(self)

    def with_priority(self, priority: int) -> Self:
        """Give the same client for one purpose.

        Args:
            priority: Its rank at the gate; the lowest goes first.

        Returns:
            A client that counts its own requests that are waiting.
        """
        client = copy.copy(self)
        client._priority = priority  # noqa: SLF001 - another of this class
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
        """Send until Klaviyo settles it, however long that takes.

        Throttling, outages and operator faults are waited out at the gate, which rests
        the endpoint: the next request through it is the probe. So a request must bear
        to be carried out twice; all but `create_list` do.

        Returns:
            The answer that settled it, with the attempts made, and `unsure` when an
            earlier attempt may have been carried out.
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
        """Send once, after waiting at the gate, and say how it went."""
        endpoint = request.endpoint
        quota = endpoint.quota.scaled(self._quota_scale)
        self.waiting_count += 1
        try:
            await self._limiter.acquire(
                endpoint.name, quota=quota, priority=self._priority
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
        """Say how long a request that came now would stand at the gate at least."""
        return self._limiter.send_delay_s(endpoint.name)

    async def back_off(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        jitter = self._clock.rng()
        await self._limiter.sleep(backoff_s(failures, jitter=jitter))

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._limiter.sleep(wait_s)


def _read_signals(
    endpoint: Endpoint,
    result: AttemptResult,
    headers: Mapping[str, str],
    *,
    latency_s: float,
) -> Signals:
    """Say what the answer means for the endpoint's pace.

    A daily quota used up is no matter of pace: the caller gets to know.
    """
    match result:
        case Throttled(retry_after_s=wait_s):
            is_daily = endpoint.daily_limit and wait_s > DAILY_RETRY_AFTER_MIN_S
            outcome = RequestOutcome.SERVED if is_daily else RequestOutcome.THROTTLED
            wait_s = 0.0 if is_daily else wait_s
        case Temporary() | OperatorFault():
            outcome, wait_s = RequestOutcome.FAILED, 0.0
        case _:
            outcome, wait_s = RequestOutcome.SERVED, 0.0
    return read_signals(
        headers, outcome=outcome, retry_after_s=wait_s, latency_s=latency_s
    )


class FailFastClient:
    """Gives up where a worker would wait: a person is there to mend it.

    Args:
        client: Sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client

    async def call(self, request: Request) -> FinalResult:
        """Send until Klaviyo settles it, or it takes somebody to mend it."""
        attempts = 0
        while True:
            answer = await self._client.attempt(request)
            match answer:
                case Throttled():
                    continue
                case Temporary():
                    attempts += 1
                    if attempts < ATTEMPTS_MAX and not answer.is_blocked:
                        continue
                    return _rejected_with_hint(answer, request)
                case OperatorFault():
                    return _rejected_with_hint(answer, request)
                case _:
                    return answer

    async def attempt(self, request: Request) -> AttemptResult:
        """Send once."""
        return await self._client.attempt(request)

    async def back_off(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        await self._client.back_off(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._client.pause(wait_s)


def _rejected_with_hint(
    answer: Temporary | OperatorFault, request: Request
) -> Rejected:
    scopes = ", ".join(sorted(request.endpoint.scopes))
    hint = _REMEDIES.get(answer.reason, "").format(scopes=scopes)
    reason = f"{answer.reason}; {hint}" if hint else answer.reason
    return Rejected(status=answer.status, reason=reason)
