"""Klaviyo client for commands: ends at a fault instead of waiting for a repair."""

from collections.abc import Mapping

from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.results import (
    AttemptResult,
    FinalResult,
    OperatorFault,
    Rejected,
    Temporary,
    Throttled,
)

ATTEMPTS_MAX = 3
"""Attempts of `FailFastClient` while Klaviyo does not respond. Our choice."""

_REMEDIES: Mapping[str, str] = {
    "cannot-connect": "check the setting klaviyo_url and the network",
    "unauthorized": "Klaviyo does not know the API key; make a private key in Klaviyo",
    "permission-denied": "the API key lacks one of these scopes: {scopes}",
    "blocked-by-challenge": "Klaviyo blocks this IP address; have it allow-listed",
    "revision-retired": "Klaviyo has retired the API revision; upgrade klaviyo-streams",
}
"""Advice for the operator, by the reason of a failed request."""


class FailFastClient:
    """Client for commands: gives up on faults that a worker would wait out.

    Args:
        client: Client that sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo responds, or a person must repair a fault."""
        attempts = 0
        while True:
            result = await self._client.attempt(request)
            match result:
                case Throttled():
                    continue
                case Temporary():
                    attempts += 1
                    if attempts < ATTEMPTS_MAX and not result.is_blocked:
                        continue
                    return _rejected_with_hint(result, request)
                case OperatorFault():
                    return _rejected_with_hint(result, request)
                case _:
                    return result

    async def attempt(self, request: Request) -> AttemptResult:
        """Send a request a single time."""
        return await self._client.attempt(request)

    async def back_off(self, *, failures: int) -> None:
        """Wait for a random time that grows with consecutive failures."""
        await self._client.back_off(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait the given number of seconds."""
        await self._client.pause(wait_s)


def _rejected_with_hint(
    result: Temporary | OperatorFault, request: Request
) -> Rejected:
    scopes = ", ".join(sorted(request.endpoint.scopes))
    hint = _REMEDIES.get(result.reason, "").format(scopes=scopes)
    reason = f"{result.reason}; {hint}" if hint else result.reason
    return Rejected(status=result.status, reason=reason)
