"""Protocol of Klaviyo clients, the one seam between operations and the network."""

from typing import Protocol

from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import AttemptResult, FinalResult


class KlaviyoApi(Protocol):
    """Client that sends requests as fast as the quotas allow."""

    async def call(self, request: Request) -> FinalResult:
        """Send a request until Klaviyo gives a final response."""
        ...

    async def attempt(self, request: Request) -> AttemptResult:
        """Send a request once, after waiting at the rate limiter."""
        ...

    async def back_off(self, *, failures: int) -> None:
        """Wait for a random time that grows with consecutive failures."""
        ...

    async def pause(self, wait_s: float) -> None:
        """Wait the given number of seconds."""
        ...
