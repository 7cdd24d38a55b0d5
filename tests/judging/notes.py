"""Requests written down, and read after the test."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson

from streams.klaviyo.api.requests import KlaviyoApi, Request
from streams.klaviyo.api.results import AttemptResult, FinalResult
from streams.sandbox.config import journal_directory
from streams.sandbox.control.journal import Journal

UNANSWERED_STATUS = 0
"""Status of requests to a fake."""


class NotedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Line of the journal: a request and the response status."""

    method: str
    path: str
    status: int
    body: str


class NotedRequests:
    """The journals of a test run.

    Args:
        directory: Directory of the journals of all processes.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_bytes: dict[str, int] = {}

    def read_new(self) -> Iterator[NotedRequest]:
        """Yield each complete line once."""
        with os.scandir(self._directory) as files:
            for file in files:
                yield from self._read_journal(
                    Path(file.path), size_bytes=file.stat().st_size
                )

    def _read_journal(self, path: Path, *, size_bytes: int) -> Iterator[NotedRequest]:
        at_bytes = self._read_bytes.get(path.name, 0)
        if size_bytes == at_bytes:
            return
        with path.open("rb") as file:
            file.seek(at_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                at_bytes += len(line)
                self._read_bytes[path.name] = at_bytes
                yield msgspec.json.decode(line, type=NotedRequest)


def note_request(method: str, path: str, body: bytes) -> None:
    """Write down a request that a fake was sent."""
    journal = Journal(journal_directory())
    journal.add(method=method, path=path, status=UNANSWERED_STATUS, body=body)
    journal.close()


def note_printed_requests(explanations: Iterable[Mapping[str, Any]]) -> None:
    """Record the requests that `explain` prints."""
    for request in (
        printed_request
        for explanation in explanations
        for printed_request in explanation.get("requests", ())
    ):
        body = b"" if request["body"] is None else orjson.dumps(request["body"])
        note_request(request["method"], request["path"], body)


class JudgedClient:
    """Client that records each request for the judge.

    Args:
        client: Client that sends the requests.
    """

    def __init__(self, client: KlaviyoApi) -> None:
        self._client = client
        self.back_off, self.pause = client.back_off, client.pause

    async def call(self, request: Request) -> FinalResult:
        """Record a request and send the request."""
        note_request(request.endpoint.method, request.path, request.body)
        return await self._client.call(request)

    async def attempt(self, request: Request) -> AttemptResult:
        """Record a request and send the request once."""
        note_request(request.endpoint.method, request.path, request.body)
        return await self._client.attempt(request)
