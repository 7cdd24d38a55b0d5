"""A client that keeps what went through it."""

from streams.klaviyo.api.import_jobs import ImportJobTracker
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import AttemptResult, FinalResult


class RecordingClient:
    """Passes requests on to another client and keeps them.

    Args:
        client: Sends the requests.

    Attributes:
        requests: Those sent so far, in order; one that is sent again is kept once.
        jobs: The jobs it follows.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self.requests: list[Request] = []
        self.jobs = ImportJobTracker(self)

    async def call(self, request: Request) -> FinalResult:
        """Send until Klaviyo settles it."""
        self.requests.append(request)
        return await self._client.call(request)

    async def attempt(self, request: Request) -> AttemptResult:
        """Send once."""
        self.requests.append(request)
        return await self._client.attempt(request)

    async def back_off(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        await self._client.back_off(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._client.pause(wait_s)
