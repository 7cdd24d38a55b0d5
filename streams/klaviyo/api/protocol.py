"""What an operation needs of the client: to call, and to wait."""

from typing import Protocol

from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import AttemptResult, FinalResult


class KlaviyoApi(Protocol):
    """Sends requests, at the pace the quotas allow."""

    async def call(self, request: Request) -> FinalResult:
        """Send until Klaviyo settles it, however long that takes."""
        ...

    async def attempt(self, request: Request) -> AttemptResult:
        """Send once, after waiting at the gate, and say how it went."""
        ...

    async def back_off(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        ...

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        ...
