"""The client: sends requests at the gate's pace until Klaviyo settles them."""

import copy
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import msgspec

from streams.klaviyo.answers import (
    Accepted,
    Answer,
    Conflict,
    NotFound,
    OperatorFault,
    Rejected,
    Settled,
    Temporary,
    Throttled,
    TooLarge,
)
from streams.klaviyo.jobs import ImportJobs
from streams.klaviyo.quotas import DAILY_WAIT_S, Endpoint
from streams.klaviyo.requests import Request
from streams.klaviyo.status import LaneStatus, Watchman, log_status
from streams.klaviyo.transport import Transport
from streams.pacing.backoff import backoff_s
from streams.pacing.gate import Gate, Timing
from streams.pacing.signals import Outcome, Signals, read_signals

BASE_URL = "https://a.klaviyo.com"
"""Klaviyo OpenAPI 2026-07-15, `servers`."""

REQUEST_TIMEOUT_S = 60.0
"""Longer than any answer of Klaviyo's should take; then it is sent again."""

_ABANDONED = Signals(outcome=Outcome.ABANDONED)


class KlaviyoClient:
    """Calls Klaviyo with one API key.

    Args:
        api_key: Private key; it is in no log, error or `repr`.
        timing: Clock, sleep and chance.
        base_url: Scheme and host.
        watch: Told when an endpoint stops answering, and when it answers again.
        quota_scale: Share of the published quotas to start with; the RateLimit headers
            of the first answers replace it.
        request_timeout_s: After so long without an answer a request is sent again.

    Attributes:
        jobs: The import jobs it follows.
        waiting: How many of its requests stand at the gate.

    Raises:
        ConfigError: The key or the URL cannot be one.
    """

    def __init__(  # noqa: PLR0913  # each by its name, and only two have no default
        self,
        *,
        api_key: str,
        timing: Timing,
        base_url: str = BASE_URL,
        watch: Callable[[LaneStatus], None] = log_status,
        quota_scale: float = 1.0,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self._transport = Transport(
            api_key=api_key, base_url=base_url, timeout_s=request_timeout_s
        )
        self._timing = timing
        self._watchman = Watchman(watch)
        self._quota_scale = quota_scale
        self._gate = Gate(timing)
        self._rank = 0
        self.waiting = 0
        self.jobs = ImportJobs(self)

    def ranked(self, rank: int) -> Self:
        """Give the same client for one purpose.

        Args:
            rank: Its rank at the gate; the lowest goes first.

        Returns:
            A client that counts its own requests that are waiting.
        """
        other = copy.copy(self)
        other._rank = rank  # noqa: SLF001 - another of this class
        other.waiting = 0
        return other

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

    async def call(self, request: Request) -> Settled:
        """Send until Klaviyo settles it, however long that takes.

        Throttling, outages and operator faults are waited out at the gate, which rests
        the endpoint: the next request through it is the probe. So a request must bear
        to be carried out twice; all but `create_list` do.

        Returns:
            The answer that settled it, with the attempts made, and `unsure` when an
            earlier attempt may have been carried out.
        """
        attempts, unsure = 0, False
        while True:
            answer = await self.attempt(request)
            attempts += 1
            match answer:
                case Throttled() | OperatorFault():
                    pass
                case Temporary():
                    unsure = True
                case Accepted() | Rejected() | NotFound() | Conflict() | TooLarge():
                    return msgspec.structs.replace(
                        answer, attempts=attempts, unsure=unsure
                    )

    async def attempt(self, request: Request) -> Answer:
        """Send once, after waiting at the gate, and say how it went."""
        endpoint = request.endpoint
        quota = endpoint.quota.scaled(self._quota_scale)
        self.waiting += 1
        try:
            await self._gate.enter(endpoint.name, quota=quota, rank=self._rank)
        finally:
            self.waiting -= 1
        signals, sent_s = _ABANDONED, self._timing.clock()
        try:
            answer, headers = await self._transport.exchange(request)
            latency_s = self._timing.clock() - sent_s
            signals = _signals(endpoint, answer, headers, latency_s=latency_s)
        finally:
            self._gate.fed(endpoint.name, signals)
        self._watchman.saw(endpoint.name, answer)
        return answer

    def wait_s(self, endpoint: Endpoint) -> float:
        """Say how long a request that came now would stand at the gate at least."""
        return self._gate.wait_s(endpoint.name)

    async def rest(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        chance = self._timing.rng()
        await self._gate.rest(backoff_s(failures, chance=chance))

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._gate.rest(wait_s)


def _signals(
    endpoint: Endpoint, answer: Answer, headers: Mapping[str, str], *, latency_s: float
) -> Signals:
    """Say what the answer means for the endpoint's pace.

    A daily quota used up is no matter of pace: the caller gets to know.
    """
    match answer:
        case Throttled(retry_after_s=wait_s):
            daily = endpoint.daily and wait_s > DAILY_WAIT_S
            outcome = Outcome.SERVED if daily else Outcome.THROTTLED
            wait_s = 0.0 if daily else wait_s
        case Temporary() | OperatorFault():
            outcome, wait_s = Outcome.FAILED, 0.0
        case _:
            outcome, wait_s = Outcome.SERVED, 0.0
    return read_signals(
        headers, outcome=outcome, retry_after_s=wait_s, latency_s=latency_s
    )
