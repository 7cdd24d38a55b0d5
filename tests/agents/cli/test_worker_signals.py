"""SIGTERM to a worker process that is still starting."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from agents.shared.embedded_broker import EmbeddedBroker
from tests.support.processes import spawn

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
MOMENTS = 8
"""Number of moments between the first line of the program and readiness."""

_TIMEOUT_S = 240.0
_POLL_S = 0.002
_SIGTERM_BIT = 1 << (signal.SIGTERM - 1)

SIGNALLED_IMPORT = dedent("""
    import os
    import signal
    import sys

    command, module = sys.argv[1:]

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == module:
                os.kill(os.getpid(), signal.SIGTERM)

    sys.meta_path.insert(0, Finder())
    from agents.cli import load_command
    load_command(command)
""")
"""Program that gets SIGTERM in the middle of its imports."""


class StartingWorker:
    """Worker process on a broker, with nothing to read.

    Args:
        bootstrap: Broker addresses.
        home: Directory of the log and the data.
        name: Distinguishes the worker's group, log and data.
    """

    def __init__(self, bootstrap: str, home: Path, name: str) -> None:
        self._log = home / f"{name}.log"
        environ = {
            **os.environ,
            "KLAVIYO_API_KEY": "pk_test",
            "KLAVIYO_STREAMS_APP_ID": name,
            "KLAVIYO_STREAMS_DATA_DIR": str(home / name),
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "KLAVIYO_STREAMS_WEB_PORT": "0",
        }
        with self._log.open("wb") as log:
            self.process = spawn(
                [sys.executable, "-m", "agents.cli", "worker", "--no-create-topics"],
                cwd=ROOT,
                env=environ,
                stdout=log,
            )

    @property
    def log(self) -> str:
        """Everything that the worker has printed."""
        return self._log.read_text(errors="replace")

    def has_started_program(self) -> bool:
        """Report whether the process runs our code: its SIGTERM handler is set."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        _, _, rest = status.partition("SigCgt:")
        return bool(int(rest.split()[0], 16) & _SIGTERM_BIT)

    def is_ready(self) -> bool:
        """Report whether the worker has recovered its table."""
        return "table_recovered" in self.log

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while not condition():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline_s, self.log
            time.sleep(_POLL_S)

    def terminate(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def _starting(bootstrap: str, home: Path, name: str) -> Iterator[StartingWorker]:
    worker = StartingWorker(bootstrap, home, name)
    try:
        worker.wait_until(worker.has_started_program)
        yield worker
    finally:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()


@pytest.mark.parametrize(
    ("command", "module", "code"),
    [
        pytest.param(command, module, code, id=f"{command}-{module}")
        for command, modules, code in (
            ("worker", ("click", "aiokafka", "faust", "agents.cli.worker"), 0),
            ("check", ("click", "agents.cli.check"), -signal.SIGTERM),
        )
        for module in modules
    ],
)
def test_sigterm_in_the_middle_of_an_import(
    command: str, module: str, code: int
) -> None:
    """A worker ends in an orderly way, another command as usual.

    The handler of a worker is set before the first slow import.
    """
    completed = subprocess.run(  # noqa: S603 - our own program, no shell
        [sys.executable, "-c", SIGNALLED_IMPORT, command, module],
        check=False,
        cwd=ROOT,
    )

    assert completed.returncode == code


def test_sigterm_at_any_moment_of_the_start_ends_with_code_zero(tmp_path: Path) -> None:
    """Moments spread from the program's first line to the recovered table."""
    with EmbeddedBroker() as broker:
        began_s = time.monotonic()
        with _starting(broker.bootstrap, tmp_path, "ready") as worker:
            worker.wait_until(worker.is_ready)
            ready_after_s = time.monotonic() - began_s
            codes = {"ready": worker.terminate()}
        for moment in range(MOMENTS):
            delay_s = ready_after_s * moment / MOMENTS
            with _starting(broker.bootstrap, tmp_path, f"moment-{moment}") as worker:
                time.sleep(delay_s)
                codes[f"{delay_s:.2f} s"] = worker.terminate()

    assert codes == dict.fromkeys(codes, 0)


def test_sigterm_while_no_broker_answers_ends_with_code_zero(tmp_path: Path) -> None:
    """A worker that waits for Kafka can be stopped in an orderly way."""
    with _starting("127.0.0.1:9", tmp_path, "unreachable") as worker:
        worker.wait_until(lambda: "kafka_unreachable" in worker.log)
        code = worker.terminate()

    assert code == 0
