"""Requests written down, and read after the test."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson

from streams.klaviyo.answers import Answer, Settled
from streams.klaviyo.caller import Caller
from streams.klaviyo.requests import Request
from streams.sandbox.journal import Journal, named_directory

UNANSWERED = 0
"""Status of what was sent to a fake."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the journal: one request, and the status it was answered with."""

    method: str
    path: str
    status: int
    body: str


class Notes:
    """The journals of a test run.

    Args:
        directory: Where every process of the run keeps its own.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_bytes: dict[str, int] = {}

    def new(self) -> Iterator[Note]:
        """Give each line once, as soon as it is whole."""
        with os.scandir(self._directory) as files:
            for file in files:
                yield from self._of(Path(file.path), size_bytes=file.stat().st_size)

    def _of(self, path: Path, *, size_bytes: int) -> Iterator[Note]:
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
                yield msgspec.json.decode(line, type=Note)


def saw(method: str, path: str, body: bytes) -> None:
    """Write down a request that a fake was sent."""
    journal = Journal(named_directory())
    journal.add(method=method, path=path, status=UNANSWERED, body=body)
    journal.close()


def saw_printed(answers: Iterable[Mapping[str, Any]]) -> None:
    """Write down the requests that `explain` answers lines with."""
    for request in (one for told in answers for one in told.get("requests", ())):
        body = b"" if request["body"] is None else orjson.dumps(request["body"])
        saw(request["method"], request["path"], body)


class Judged:
    """A client whose requests are judged: what they are sent to keeps no journal.

    Args:
        client: Answers.
    """

    def __init__(self, client: Caller) -> None:
        self._client = client
        self.rest, self.pause = client.rest, client.pause

    async def call(self, request: Request) -> Settled:
        """Write it down, and send it."""
        saw(request.method, request.path, request.body)
        return await self._client.call(request)

    async def attempt(self, request: Request) -> Answer:
        """Write it down, and send it once."""
        saw(request.method, request.path, request.body)
        return await self._client.attempt(request)
