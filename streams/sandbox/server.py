"""The sandbox as a server: aiohttp outside, the world inside."""

from types import TracebackType
from typing import Self

import orjson
from aiohttp import web

from streams.sandbox import gate, steering
from streams.sandbox.config import SandboxConfig
from streams.sandbox.endpoint import Endpoint, note, response
from streams.sandbox.errors import ApiError, Refusal
from streams.sandbox.faults import Fault
from streams.sandbox.inspection import Ask
from streams.sandbox.journal import Journal
from streams.sandbox.operations import OPERATIONS
from streams.sandbox.world import World

_REQUEST_MAX_BYTES = 256_000_000
"""Seeding may be large; the API's own limits are judged in `gate`."""

_LINE_MAX_BYTES = 64_000
"""Longest request line: a filter of a hundred long values, percent-encoded."""

_SHUTDOWN_S = 1.0
"""How long requests under way may still take when the server stops."""


class Sandbox:
    """A local Klaviyo.

    Use it as an async context, or with `start` and `stop`.

    Args:
        config: The choices; the defaults are Klaviyo's own quotas.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self._world = World(self.config)
        self._journal = Journal(self.config.journal)
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def state(self) -> World:
        """All it holds, after what has become due was applied."""
        self._world.advance()
        return self._world

    def fail(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        return self._world.faults.add(fault)

    async def start(self) -> Self:
        """Bind and serve; `url` is known from here on."""
        runner = web.AppRunner(
            self._app(),
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
            max_line_size=_LINE_MAX_BYTES,
        )
        await runner.setup()
        await web.TCPSite(runner, self.config.host, self.config.port).start()
        self._runner = runner
        port = runner.addresses[0][1]
        self.url = f"http://{self.config.host}:{port}"
        return self

    async def stop(self) -> None:
        """Stop serving; what it holds can still be read."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            self._journal.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=_REQUEST_MAX_BYTES)
        for operation in OPERATIONS.values():
            endpoint = Endpoint(self._world, operation, self._journal)
            app.router.add_route(operation.method, operation.path, endpoint.serve)
        app.router.add_route("*", "/api/{tail:.*}", self._unknown)
        app.router.add_route("*", "/sandbox/{topic}", self._steer)
        app.router.add_route("*", "/sandbox/{topic}/{name}", self._steer)
        return app

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        error = ApiError(
            status=404,
            code="not_found",
            title="Not found.",
            detail=f"{request.method} is no operation of this path.",
        )
        body = await request.read()
        note(self._journal, request, status=error.status, body=body)
        return response(gate.refused(Refusal([error]), headers={}))

    async def _steer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        now_s = self._world.advance()
        try:
            ask = Ask(
                name=request.match_info.get("name", ""),
                query=request.query,
                body=orjson.loads(raw) if raw else None,
                now_s=now_s,
            )
            topic = request.match_info["topic"]
            found = steering.answer(self._world, ask, request.method, topic)
        except (Refusal, orjson.JSONDecodeError) as error:
            return _bad(error)
        return web.Response(body=orjson.dumps(found), content_type="application/json")


def _bad(error: Refusal | orjson.JSONDecodeError) -> web.Response:
    if isinstance(error, Refusal):
        return response(gate.refused(error, headers={}))
    return web.Response(status=400, text="The body is not JSON.")
