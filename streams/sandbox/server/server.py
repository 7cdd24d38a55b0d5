"""Run the sandbox as an aiohttp server."""

from types import TracebackType
from typing import Self

import orjson
from aiohttp import web

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault
from streams.sandbox.config import SandboxConfig
from streams.sandbox.control import router
from streams.sandbox.control.inspection import ControlRequest
from streams.sandbox.control.journal import Journal
from streams.sandbox.jsonapi.errors import ErrorResponse, JsonApiError
from streams.sandbox.operations import OPERATIONS
from streams.sandbox.server import pipeline
from streams.sandbox.server.endpoint import (
    OperationEndpoint,
    to_web_response,
    write_to_journal,
)

_REQUEST_MAX_BYTES = 256_000_000
"""Largest accepted body: seeding may be large; `pipeline` checks the API's limits."""

_REQUEST_LINE_MAX_BYTES = 64_000
"""Longest request line: a filter of a hundred long values, percent-encoded."""

_SHUTDOWN_S = 1.0
"""Longest time that running requests may still take when the server stops."""


class Sandbox:
    """Local Klaviyo server with a single account in memory.

    Use the sandbox as an async context manager, or call `start` and `stop`.

    Args:
        config: Behaviour of the sandbox; the default quotas are Klaviyo's own.
    """

    def __init__(self, config: SandboxConfig | None = None) -> None:
        self.config = config or SandboxConfig()
        self._account = Account(self.config)
        self._journal = Journal(self.config.journal)
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def account(self) -> Account:
        """Return the account, after applying all changes that are due."""
        self._account.apply_due()
        return self._account

    def add_fault(self, fault: Fault) -> Fault:
        """Activate a fault for the coming requests."""
        return self._account.faults.add(fault)

    async def start(self) -> Self:
        """Bind the port and serve requests; `url` is set from here on."""
        runner = web.AppRunner(
            self._app(),
            access_log=None,
            shutdown_timeout=_SHUTDOWN_S,
            max_line_size=_REQUEST_LINE_MAX_BYTES,
        )
        await runner.setup()
        await web.TCPSite(runner, self.config.host, self.config.port).start()
        self._runner = runner
        port = runner.addresses[0][1]
        self.url = f"http://{self.config.host}:{port}"
        return self

    async def stop(self) -> None:
        """Stop serving; the account can still be read."""
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
            endpoint = OperationEndpoint(self._account, operation, self._journal)
            app.router.add_route(operation.method, operation.path, endpoint.serve)
        app.router.add_route("*", "/api/{tail:.*}", self._answer_unknown_path)
        app.router.add_route("*", "/sandbox/{topic}", self._answer_control)
        app.router.add_route("*", "/sandbox/{topic}/{name}", self._answer_control)
        return app

    async def _answer_unknown_path(self, request: web.Request) -> web.StreamResponse:
        error = JsonApiError(
            status=404,
            code="not_found",
            title="Not found.",
            detail=f"{request.method} is not an operation of this path.",
        )
        body = await request.read()
        write_to_journal(self._journal, request, status=error.status, body=body)
        return to_web_response(
            pipeline.error_response(ErrorResponse([error]), headers={})
        )

    async def _answer_control(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        now_s = self._account.apply_due()
        try:
            control_request = ControlRequest(
                resource_id=request.match_info.get("name", ""),
                query=request.query,
                body=orjson.loads(raw) if raw else None,
                now_s=now_s,
            )
            topic = request.match_info["topic"]
            result = router.handle_control(
                self._account, control_request, request.method, topic
            )
        except (ErrorResponse, orjson.JSONDecodeError) as error:
            return _error_response(error)
        return web.Response(body=orjson.dumps(result), content_type="application/json")


def _error_response(error: ErrorResponse | orjson.JSONDecodeError) -> web.Response:
    if isinstance(error, ErrorResponse):
        return to_web_response(pipeline.error_response(error, headers={}))
    return web.Response(status=400, text="The body is not JSON.")
