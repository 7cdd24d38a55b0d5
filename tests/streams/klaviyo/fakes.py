"""Clock that moves only during sleeps, and a server with fixed responses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import web

from streams.klaviyo.api.client import KlaviyoClient
from streams.rate_limiting.limiter import Clock
from tests.judging import note_request

START_S = 1_800_000_000.0
"""When the fake clock starts: in January 2027."""

KEY = "pk_" + "5ecret" * 5
"""An API key no log may show."""


class FakeClock:
    """Clock that advances only in `sleep`.

    Attributes:
        now_s: Current time.
        slept_s: Every sleep asked for.
        on_sleep: Called at the beginning of every sleep.
    """

    def __init__(self) -> None:
        self.now_s = START_S
        self.slept_s: list[float] = []
        self.on_sleep: Callable[[], object] = lambda: None

    def read(self) -> float:
        """Return the current fake time."""
        return self.now_s

    async def sleep(self, wait_s: float) -> None:
        """Advance the clock by this wait, and let other tasks run."""
        self.on_sleep()
        self.slept_s.append(wait_s)
        self.now_s += wait_s
        await asyncio.sleep(0)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start of the clock."""
        return self.now_s - START_S

    def as_clock(self, *, jitter: float = 0.5) -> Clock:
        """Return this clock for a client, with a fixed jitter."""
        return Clock(monotonic_s=self.read, sleep=self.sleep, rng=lambda: jitter)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """Server with responses that a test defines.

    Args:
        handler: Returns the response to each request.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[web.Request] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        note_request(request.method, request.rel_url.raw_path, await request.read())
        return await self._handler(request)


@asynccontextmanager
async def serving_answers(
    *responses: web.Response | None, clock: FakeClock
) -> AsyncIterator[tuple[KlaviyoClient, FakeServer]]:
    """Run a server with the given responses, then empty listings; None cuts."""
    remaining = list(responses)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = remaining.pop(0) if remaining else web.json_response({"data": []})
        if response is None:
            assert request.transport is not None
            request.transport.abort()
        return response or web.Response()

    async with (
        FakeServer(handler) as server,
        KlaviyoClient(
            api_key=KEY, clock=clock.as_clock(), base_url=server.url
        ) as client,
    ):
        yield client, server
