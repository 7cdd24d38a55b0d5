"""Pytest plugin that judges the requests of each test."""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from xdist.workermanage import WorkerController

from streams.sandbox.config import JOURNAL_VARIABLE
from tests.judging.judge import judge
from tests.judging.notes import NotedRequest, NotedRequests
from tests.judging.operations import find_operation

MARKER = "wrong_request"
_HELP = "(reason): sends what Klaviyo's models refuse, on purpose, and is refused"
_REFUSED = 400
_SHOWN_MAX = 5
_COUNTS = "judged requests"
_PASSED = pytest.StashKey[bool]()


class JudgePlugin:
    """Plugin that judges, after each test, the requests sent so far."""

    def __init__(self) -> None:
        self._directory = TemporaryDirectory(prefix="judged-")
        self._requests = NotedRequests(Path(self._directory.name))
        self._judged_counts = Counter[str]()
        self._expected_count = 0

    def pytest_configure(self, config: pytest.Config) -> None:
        """Configure a journal for every sandbox, in this and child processes."""
        config.addinivalue_line("markers", f"{MARKER}{_HELP}")
        os.environ[JOURNAL_VARIABLE] = self._directory.name

    def pytest_unconfigure(self) -> None:
        """Delete the recorded bodies."""
        os.environ.pop(JOURNAL_VARIABLE, None)
        self._directory.cleanup()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Require a reason for each marker."""
        marker = item.get_closest_marker(MARKER)
        if marker is not None and not marker.args:
            raise pytest.UsageError(f"{item.nodeid}: {MARKER} needs a reason")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Remember that the test itself was passed."""
        yield
        item.stash[_PASSED] = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Judge after the fixtures and their processes have ended."""
        try:
            yield
        finally:
            self._judge_new_requests(item)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the counts of a test process to the one that started it."""
        if (output := getattr(session.config, "workeroutput", None)) is not None:
            output[_COUNTS] = (dict(self._judged_counts), self._expected_count)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Add the counts of a test process that has ended."""
        counts, expected = getattr(node, "workeroutput", {}).get(_COUNTS, ({}, 0))
        self._judged_counts.update(counts)
        self._expected_count += expected

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Print the number of judged bodies."""
        if self._judged_counts:
            total, operations = self._judged_counts.total(), len(self._judged_counts)
            terminalreporter.write_line(
                f"klaviyo bodies judged: {total} of {operations} operations;"
                f" wrong on purpose: {self._expected_count}"
            )

    def _judge_new_requests(self, item: pytest.Item) -> None:
        judged = [(note, self._judge(note)) for note in self._requests.read_new()]
        wrong = [(note, fault) for note, fault in judged if fault]
        marked = item.get_closest_marker(MARKER) is not None
        expected = [note for note, _ in wrong if marked and note.status >= _REFUSED]
        self._expected_count += len(expected)
        faults = [
            format_fault(note, fault) for note, fault in wrong if note not in expected
        ]
        if faults:
            pytest.fail("\n".join(faults[:_SHOWN_MAX]), pytrace=False)
        if marked and not expected and item.stash.get(_PASSED, False):
            pytest.fail(f"marked {MARKER}, and none was refused", pytrace=False)

    def _judge(self, note: NotedRequest) -> str:
        operation = find_operation(note.method, note.path)
        if note.body and operation is not None:
            self._judged_counts[operation.name] += 1
        return judge(note.method, note.path, note.body.encode())


def format_fault(note: NotedRequest, fault: str) -> str:
    """Return a line that describes an invalid request."""
    return f"{note.method} {note.path} ({note.status}): {fault}"


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin for this run."""
    config.pluginmanager.register(JudgePlugin())
