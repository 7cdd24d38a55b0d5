"""The journal: every request with the body, in a file that outlives the sandbox."""

import os
from contextlib import chdir
from pathlib import Path

import aiohttp
import orjson
import pytest

from streams.sandbox import Fault, FaultKind, Sandbox, SandboxConfig
from streams.sandbox.config import JOURNAL_VARIABLE
from streams.sandbox.control.journal import Journal
from tests.streams.sandbox.api import Body, SandboxApi, data

FANS = data("list", {"name": "Fans"})


def lines(directory: Path) -> list[Body]:
    """Return the lines that this process has written."""
    text = (directory / f"{os.getpid()}.jsonl").read_text()
    return [orjson.loads(line) for line in text.splitlines()]


async def test_each_request_is_a_line(tmp_path: Path) -> None:
    """A line has the path without the query, and the body as received."""
    config = SandboxConfig(journal=tmp_path, quota_scale=None)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        await api.post("/api/lists", FANS)
        await api.get("/api/lists/a%2Fb", fields__list="name")

    assert lines(tmp_path) == [
        {
            "method": "POST",
            "path": "/api/lists",
            "status": 201,
            "body": orjson.dumps(FANS).decode(),
        },
        {"method": "GET", "path": "/api/lists/a%2Fb", "status": 404, "body": ""},
    ]


async def test_what_was_carried_out_and_cut_is_written_too(tmp_path: Path) -> None:
    """The line is written before the response."""
    config = SandboxConfig(journal=tmp_path, quota_scale=None)
    async with Sandbox(config) as klaviyo, SandboxApi(klaviyo.url) as api:
        klaviyo.add_fault(Fault(kind=FaultKind.CUT, count=1))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await api.post("/api/lists", FANS)

        assert [line["status"] for line in lines(tmp_path)] == [201]


def test_two_journals_of_one_process_share_a_file(tmp_path: Path) -> None:
    """The second journal appends; bodies that are not text are kept."""
    for body in (b"1", b"\xff"):
        journal = Journal(tmp_path)
        journal.add(method="POST", path="/", status=400, body=body)
        journal.close()

    assert [line["body"] for line in lines(tmp_path)] == ["1", "\\xff"]


def test_without_a_directory_nothing_is_written(tmp_path: Path) -> None:
    """Bodies contain personal data: without a directory no file is written."""
    with chdir(tmp_path):
        Journal(None).add(method="POST", path="/", status=200, body=b"1")

    assert list(tmp_path.iterdir()) == []


def test_every_sandbox_of_a_test_run_keeps_one() -> None:
    """The environment sets the directory, whatever else a test configures."""
    assert SandboxConfig(quota_scale=None).journal == Path(os.environ[JOURNAL_VARIABLE])
