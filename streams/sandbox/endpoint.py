"""One operation behind its route: reads the socket, suffers the faults, answers."""

import asyncio

from aiohttp import web

from streams.sandbox import gate
from streams.sandbox.faults import Fault, FaultKind
from streams.sandbox.journal import Journal
from streams.sandbox.log import Entry
from streams.sandbox.operations import Operation
from streams.sandbox.world import World


class Endpoint:
    """One operation behind its route.

    Args:
        world: The account.
        operation: What the route names.
        journal: Keeps the bodies.
    """

    def __init__(self, world: World, operation: Operation, journal: Journal) -> None:
        self.world = world
        self.operation = operation
        self.journal = journal

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, as faults allow."""
        fault = self.world.faults.strike(method=request.method, path=request.path)
        if fault and fault.kind is FaultKind.CUT_BEFORE:
            return self._cut(request, items=0)
        body = await request.read()
        if fault and fault.kind is FaultKind.SLOW:
            await asyncio.sleep(fault.delay_s)
        reply = gate.reply(self.world, self._incoming(request, body, fault=fault))
        note(self.journal, request, status=reply.status, body=body)
        if fault and fault.kind is FaultKind.CUT:
            return self._cut(request, items=reply.items)
        self._log(request, status=reply.status, items=reply.items)
        if fault and fault.kind is FaultKind.SLOW_ANSWER:
            await asyncio.sleep(fault.delay_s)
        return response(reply)

    def _incoming(
        self, request: web.Request, body: bytes, *, fault: Fault | None
    ) -> gate.Incoming:
        return gate.Incoming(
            operation=self.operation,
            path_id=request.match_info.get("id", ""),
            path=request.path,
            base_url=f"{request.scheme}://{request.host}",
            query=request.query,
            headers=request.headers,
            body=body,
            now_s=self.world.advance(),
            fault=fault,
        )

    def _cut(self, request: web.Request, *, items: int) -> web.StreamResponse:
        self._log(request, status=0, items=items)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _log(self, request: web.Request, *, status: int, items: int) -> None:
        self.world.log.add(
            Entry(
                time_s=self.world.config.clock_s(),
                method=request.method,
                path=request.path,
                template=self.operation.path,
                status=status,
                items=items,
                revision=request.headers.get("revision", ""),
            )
        )


def note(journal: Journal, request: web.Request, *, status: int, body: bytes) -> None:
    """Write a request into the journal."""
    path = request.rel_url.raw_path
    journal.add(method=request.method, path=path, status=status, body=body)


def response(reply: gate.Reply) -> web.Response:
    """Put a reply on the socket."""
    return web.Response(
        status=reply.status,
        body=reply.body,
        headers=reply.headers,
        content_type=reply.content_type,
    )
