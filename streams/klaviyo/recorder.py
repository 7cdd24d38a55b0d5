"""A client that keeps what went through it."""

from streams.klaviyo.answers import Answer, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.jobs import ImportJobs
from streams.klaviyo.requests import Request


class Recorder:
    """Passes requests on to another client and keeps them.

    Args:
        client: Sends the requests.

    Attributes:
        requests: Those sent so far, in order; one that is sent again is kept once.
        jobs: The jobs it follows.
    """

    def __init__(self, client: Caller) -> None:
        self._client = client
        self.requests: list[Request] = []
        self.jobs = ImportJobs(self)

    async def call(self, request: Request) -> Settled:
        """Send until Klaviyo settles it."""
        self.requests.append(request)
        return await self._client.call(request)

    async def attempt(self, request: Request) -> Answer:
        """Send once."""
        self.requests.append(request)
        return await self._client.attempt(request)

    async def rest(self, *, failures: int) -> None:
        """Wait after that many failures in a row."""
        await self._client.rest(failures=failures)

    async def pause(self, wait_s: float) -> None:
        """Wait that long."""
        await self._client.pause(wait_s)
