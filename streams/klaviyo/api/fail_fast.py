"""Klaviyo client for commands: ends at a fault instead of waiting for a repair."""

import asyncio
from collections.abc import Mapping
from typing import Final

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

KLAVIYO_CONTACT_S: Final = 4.0
"""Longest wait for the first response to `FailFastClient`. Our choice."""

_REMEDIES: Mapping[str, str] = {
    "cannot-connect": "check the setting klaviyo_url and the network",
    "cannot-connect-to-proxy": "check the setting klaviyo_proxy",
    "proxy-refused": "have the proxy allow connections to Klaviyo's host and port",
    "proxy-unauthorized": "check klaviyo_proxy_credentials_file",
    "certificate-not-trusted": "set klaviyo_ca_file to the certificates of your CA",
    "source-address-unknown": "no interface has the address klaviyo_source_address",
    "timeout": "check the setting klaviyo_url and the network",
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

    Attributes:
        fault: Result of the request that Klaviyo did not serve; all later requests get
            the same result without being sent.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self._has_answered = False
        self._first_contact = asyncio.Lock()
        self._contact_limit: asyncio.Timeout | None = None
        self._last_failure = Temporary(reason="timeout")
        self.fault: Rejected | None = None

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo responds, or a person must repair a fault.

        The first request goes alone, and has `KLAVIYO_CONTACT_S` for any response.
        """
        async with self._first_contact:
            if not self._has_answered and self.fault is None:
                return await self._call_first(request)
        return self.fault or await self._call(request)

    async def _call_first(self, request: Request) -> FinalResult:
        try:
            async with asyncio.timeout(KLAVIYO_CONTACT_S) as self._contact_limit:
                return await self._call(request)
        except TimeoutError:
            return self._fail(self._last_failure, request)

    async def _call(self, request: Request) -> FinalResult:
        attempts = 0
        while True:
            result = await self._client.attempt(request)
            self._note_answer(result)
            match result:
                case Throttled():
                    continue
                case Temporary():
                    attempts += 1
                    if attempts < ATTEMPTS_MAX and not result.is_blocked:
                        continue
                    return self._fail(result, request)
                case OperatorFault():
                    return self._fail(result, request)
                case _:
                    return result

    def _note_answer(self, result: AttemptResult) -> None:
        """Lift the limit of the first contact once Klaviyo has responded."""
        if isinstance(result, Temporary) and not result.status:
            self._last_failure = result
        elif not self._has_answered:
            self._has_answered = True
            if self._contact_limit is not None:
                self._contact_limit.reschedule(None)

    def _fail(self, result: Temporary | OperatorFault, request: Request) -> Rejected:
        self.fault = _rejected_with_hint(result, request)
        return self.fault

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
