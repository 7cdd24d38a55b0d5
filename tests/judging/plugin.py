"""Each test answers for the requests it sent: pytest's part of the judge."""

import os
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from streams.sandbox.journal import VARIABLE
from tests.judging.judge import judge
from tests.judging.notes import Note, Notes
from tests.judging.operations import operation_of

MARKER = "wrong_request"
_HELP = "(reason): sends what Klaviyo's models refuse, on purpose, and is refused"
_REFUSED = 400
_SHOWN_MAX = 5
_PASSED = pytest.StashKey[bool]()


class Judging:
    """Judges, after each test, what was sent until then."""

    def __init__(self) -> None:
        self._home = TemporaryDirectory(prefix="judged-")
        self._notes = Notes(Path(self._home.name))
        self._judged = Counter[str]()
        self._excused = 0

    def pytest_configure(self, config: pytest.Config) -> None:
        """Tell every sandbox, in this process and its children, to keep a journal."""
        config.addinivalue_line("markers", f"{MARKER}{_HELP}")
        os.environ[VARIABLE] = self._home.name

    def pytest_unconfigure(self) -> None:
        """Forget the bodies."""
        os.environ.pop(VARIABLE, None)
        self._home.cleanup()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Take no mark without a reason."""
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
        """Judge when its fixtures are gone, and their processes with them."""
        try:
            yield
        finally:
            self._answer_for(item)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """Say how much was judged."""
        if self._judged:
            terminalreporter.write_line(
                f"klaviyo bodies judged: {self._judged.total()} of"
                f" {len(self._judged)} operations; wrong on purpose: {self._excused}"
            )

    def _answer_for(self, item: pytest.Item) -> None:
        told = [(note, self._judge(note)) for note in self._notes.new()]
        wrong = [(note, fault) for note, fault in told if fault]
        marked = item.get_closest_marker(MARKER) is not None
        meant = [note for note, _ in wrong if marked and note.status >= _REFUSED]
        self._excused += len(meant)
        faults = [line(note, fault) for note, fault in wrong if note not in meant]
        if faults:
            pytest.fail("\n".join(faults[:_SHOWN_MAX]), pytrace=False)
        if marked and not meant and item.stash.get(_PASSED, False):
            pytest.fail(f"marked {MARKER}, and none was refused", pytrace=False)

    def _judge(self, note: Note) -> str:
        operation = operation_of(note.method, note.path)
        if note.body and operation is not None:
            self._judged[operation.name] += 1
        return judge(note.method, note.path, note.body.encode())


def line(note: Note, fault: str) -> str:
    """Write what is wrong with one request."""
    return f"{note.method} {note.path} ({note.status}): {fault}"


def pytest_configure(config: pytest.Config) -> None:
    """Judge this run."""
    config.pluginmanager.register(Judging())
