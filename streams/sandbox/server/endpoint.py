"""Serve an API operation: read the socket, apply faults, write the response."""

import asyncio

from aiohttp import web

from streams.sandbox.account.account import Account
from streams.sandbox.account.faults import Fault, FaultKind
from streams.sandbox.account.request_log import RequestLogEntry
from streams.sandbox.control.journal import Journal
from streams.sandbox.operations import ApiOperation
from streams.sandbox.server import pipeline


class OperationEndpoint:
    """HTTP endpoint of an API operation.

    Args:
        account: Account that the operation reads and changes.
        operation: Operation that is served.
        journal: Journal of all requests with their bodies.
    """

    def __init__(
        self, account: Account, operation: ApiOperation, journal: Journal
    ) -> None:
        self.account = account
        self.operation = operation
        self.journal = journal

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, after applying the fault that matches the request."""
        fault = self.account.faults.trigger(method=request.method, path=request.path)
        if fault and fault.kind is FaultKind.CUT_BEFORE:
            return self._cut_connection(request, items=0)
        body = await request.read()
        if fault and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.delay_s)
        raw_response = pipeline.handle(
            self.account, self._read(request, body, fault=fault)
        )
        write_to_journal(self.journal, request, status=raw_response.status, body=body)
        if fault and fault.kind is FaultKind.CUT:
            return self._cut_connection(request, items=raw_response.items)
        self._log(request, status=raw_response.status, items=raw_response.items)
        if fault and fault.kind is FaultKind.SLOW_ANSWER:
            await asyncio.sleep(fault.delay_s)
        return to_web_response(raw_response)

    def _read(
        self, request: web.Request, body: bytes, *, fault: Fault | None
    ) -> pipeline.RawRequest:
        return pipeline.RawRequest(
            operation=self.operation,
            path_id=request.match_info.get("id", ""),
            path=request.path,
            base_url=f"{request.scheme}://{request.host}",
            query=request.query,
            headers=request.headers,
            body=body,
            now_s=self.account.apply_due(),
            fault=fault,
        )

    def _cut_connection(
        self, request: web.Request, *, items: int
    ) -> web.StreamResponse:
        self._log(request, status=0, items=items)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _log(self, request: web.Request, *, status: int, items: int) -> None:
        self.account.request_log.add(
            RequestLogEntry(
                time_s=self.account.config.clock_s(),
                method=request.method,
                path=request.path,
                template=self.operation.path,
                status=status,
                items=items,
                revision=request.headers.get("revision", ""),
            )
        )


def write_to_journal(
    journal: Journal, request: web.Request, *, status: int, body: bytes
) -> None:
    """Write a request to the journal."""
    path = request.rel_url.raw_path
    journal.add(method=request.method, path=path, status=status, body=body)


def to_web_response(raw_response: pipeline.RawResponse) -> web.Response:
    """Convert a response to aiohttp's type."""
    return web.Response(
        status=raw_response.status,
        body=raw_response.body,
        headers=raw_response.headers,
        content_type=raw_response.content_type,
    )
