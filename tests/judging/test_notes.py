"""Recorded requests: each complete line is read once."""

from pathlib import Path
from typing import TypeAlias

import pytest

from streams.klaviyo.api import requests
from streams.klaviyo.fake_client import FakeKlaviyo
from streams.sandbox.config import JOURNAL_VARIABLE
from streams.sandbox.control.journal import Journal
from tests.judging import JudgedClient, note_printed_requests
from tests.judging.notes import NotedRequest, NotedRequests

Printed: TypeAlias = dict[str, object]

LINE = b'{"method": "GET", "path": "/api/lists", "status": 200, "body": ""}\n'
NOTE = NotedRequest(method="GET", path="/api/lists", status=200, body="")


def test_a_line_is_given_when_it_is_whole(tmp_path: Path) -> None:
    """Incomplete lines of another process are read later."""
    file = tmp_path / "1.jsonl"
    notes = NotedRequests(tmp_path)
    read_lines = []

    for written in (LINE + LINE[:20], LINE[20:], b"", LINE):
        with file.open("ab") as journal:
            journal.write(written)
        read_lines.append(list(notes.read_new()))

    assert read_lines == [[NOTE], [NOTE], [], [NOTE]]


def test_a_file_of_another_process_is_read_too(tmp_path: Path) -> None:
    """New files are read beside known files."""
    notes = NotedRequests(tmp_path)
    (tmp_path / "1.jsonl").write_bytes(LINE)
    first = list(notes.read_new())

    (tmp_path / "2.jsonl").write_bytes(LINE)

    assert first + list(notes.read_new()) == [NOTE, NOTE]


def test_what_the_sandbox_writes_is_what_is_read(tmp_path: Path) -> None:
    """A body in any alphabet."""
    body = '{"name": "Žofie"}'
    journal = Journal(tmp_path)
    journal.add(method="POST", path="/api/lists", status=201, body=body.encode())
    journal.close()

    assert [note.body for note in NotedRequests(tmp_path).read_new()] == [body]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NotedRequests:
    """Recorded requests in a directory of this test."""
    monkeypatch.setenv(JOURNAL_VARIABLE, str(tmp_path))
    return NotedRequests(tmp_path)


async def test_a_judged_client_writes_down_what_it_is_sent(own: NotedRequests) -> None:
    """Both `call` and `attempt` record the request."""
    klaviyo = JudgedClient(FakeKlaviyo())

    await klaviyo.call(requests.get_list("L1"))
    await klaviyo.attempt(requests.create_list("VIP"))

    noted = [(note.method, note.path) for note in own.read_new()]
    assert noted == [("GET", "/api/lists/L1"), ("POST", "/api/lists")]


def test_what_explain_prints_is_written_down(own: NotedRequests) -> None:
    """A request without a body has none, and a line may have no request."""
    asked: Printed = {"method": "GET", "path": "/api/lists", "query": [], "body": None}
    made: Printed = {
        "method": "POST",
        "path": "/api/lists",
        "query": [],
        "body": {"a": 1},
    }

    note_printed_requests([{"requests": [asked, made]}, {"error": "no-json"}])

    assert [note.body for note in own.read_new()] == ["", '{"a":1}']
