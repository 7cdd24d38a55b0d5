"""Klaviyo client: sends rate-limited requests until Klaviyo gives a final response.

The transport sends a request over HTTP. The monitor reports to the operator when an
endpoint stops responding.
"""

import copy
from collections.abc import Callable, Mapping
from enum import StrEnum
from io import BytesIO
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
import structlog
from yarl import URL

from streams.errors import ConfigError
from streams.klaviyo.api.connection import (
    DIRECT,
    Connection,
    find_proxy,
    load_certificates,
    network_result,
)
from streams.klaviyo.api.endpoints import API_REVISION
from streams.klaviyo.api.import_jobs import ImportJobTracker
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.responses import parse_response, read_signals
from streams.klaviyo.api.results import (
    Accepted,
    Attempt,
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
from streams.rate_limiting.limiter import Clock, RateLimiter
from streams.rate_limiting.pacing import RequestOutcome, Signals, backoff_s

BASE_URL = "https://a.klaviyo.com"
"""Base URL from Klaviyo's OpenAPI document 2026-07-15, `servers`."""

REQUEST_TIMEOUT_S = 60.0
"""Timeout of a request in seconds, longer than any response of Klaviyo should take; the
request is then sent again."""

OUTAGE_AFTER_FAILURES = 3
"""Consecutive temporary failures that count as an outage."""

CONNECTIONS_MAX = 32
"""Enough connections for the largest burst (75/s) with responses of 400 ms."""

_STREAM_FROM_BYTES = 500_000
"""Body size from which a body is streamed: aiohttp warns that raw bytes above 1 MB
block the event loop."""

_JSON_API_TYPE = "application/vnd.api+json"

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


class Transport:
    """HTTP connection to a single host with a single API key.

    Args:
        api_key: Private key; appears in no log, error or `repr`.
        base_url: Scheme and host.
        timeout_s: Timeout of a request, in seconds.
        connection: Proxy, source address and certificates.

    Raises:
        ConfigError: The key, the URL or the connection is not valid.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        timeout_s: float,
        connection: Connection = DIRECT,
    ) -> None:
        _check_config(api_key=api_key, base_url=base_url)
        self._headers = _request_headers(api_key)
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._proxy = find_proxy(connection, base_url)
        self._source_address = connection.source_address
        self._certificates = load_certificates(connection.ca_file)
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return f"Transport(base_url={self._base_url!r})"

    def open(self) -> None:
        """Create the HTTP session."""
        source = (self._source_address, 0) if self._source_address else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=CONNECTIONS_MAX, local_addr=source, ssl=self._certificates
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """Close all HTTP connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(
        self, request: Request
    ) -> tuple[AttemptResult, Mapping[str, str]]:
        """Send a request and return the result; a network error is a result too.

        Returns:
            The result and the response headers (a case-insensitive mapping).
        """
        if self._session is None:
            raise RuntimeError("the client must be used inside `async with`")
        data: bytes | BytesIO | None = request.body or None
        if len(request.body) > _STREAM_FROM_BYTES:
            data = BytesIO(request.body)  # aiohttp sends a file in pieces
        try:
            async with self._session.request(
                request.endpoint.method,
                URL(self._base_url + request.target, encoded=True),
                data=data,
                headers=self._headers,
                proxy=self._proxy,
                allow_redirects=False,  # the API key must reach this host only
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            return network_result(error), {}
        return parse_response(response.status, response.headers, body), response.headers


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
        connection: Proxy, source address and certificates.
        on_attempt: Called after each attempt, in the task that made it.

    Attributes:
        limiter: Rate limiter, shared by the copies of the client.
        jobs: Tracker of import jobs.
        waiting_count: Requests of this client that wait at the rate limiter.

    Raises:
        ConfigError: The key, the URL or the connection is not valid.
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
        connection: Connection = DIRECT,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> None:
        self._on_attempt = on_attempt
        self._transport = Transport(
            api_key=api_key,
            base_url=base_url,
            timeout_s=request_timeout_s,
            connection=connection,
        )
        self._clock = clock
        self._monitor = EndpointMonitor(on_status_change)
        self.limiter = RateLimiter(clock, quota_scale=quota_scale)
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
        endpoint, asked_s = request.endpoint, self._clock.monotonic_s()
        self.waiting_count += 1
        try:
            await self.limiter.acquire(
                endpoint.name, quota=endpoint.quota, priority=self._priority
            )
        finally:
            self.waiting_count -= 1
        signals, sent_s = _ABANDONED_SIGNALS, self._clock.monotonic_s()
        try:
            result, headers = await self._transport.exchange(request)
            latency_s = self._clock.monotonic_s() - sent_s
            signals = read_signals(endpoint, result, headers, latency_s=latency_s)
        finally:
            self.limiter.on_response(endpoint.name, signals)
        self._monitor.record_result(endpoint.name, result)
        if self._on_attempt is not None:
            attempt = Attempt(
                endpoint=endpoint,
                result=result,
                headers=headers,
                limiter_wait_s=sent_s - asked_s,
                latency_s=latency_s,
            )
            self._on_attempt(attempt)
        return result

    async def back_off(self, *, failures: int) -> None:
        """Wait for a random time that grows with consecutive failures."""
        jitter = self._clock.rng()
        await self.limiter.sleep(backoff_s(failures, jitter=jitter))

    async def pause(self, wait_s: float) -> None:
        """Wait the given number of seconds."""
        await self.limiter.sleep(wait_s)


def _request_headers(api_key: str) -> dict[str, str]:
    return {
        "Authorization": f"Klaviyo-API-Key {api_key}",
        "revision": API_REVISION,
        "Accept": _JSON_API_TYPE,
        "Content-Type": _JSON_API_TYPE,
        "User-Agent": "klaviyo-streams",
    }


def _check_config(*, api_key: str, base_url: str) -> None:
    problems = []
    if not (api_key.isascii() and api_key.isprintable() and api_key.strip()):
        problems.append("klaviyo.api_key: empty or not printable ASCII")
    if not _is_url(base_url):
        problems.append("klaviyo.base_url: not a URL; use https://a.klaviyo.com")
    if problems:
        raise ConfigError(problems)


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
        return url.scheme in {"http", "https"} and bool(url.host) and url.port != 0
    except ValueError:
        return False
