"""A worker as a process of its own, ended by its id."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.kafka.traps.job import WAIT_TIMEOUT_S, Job
from tests.support.processes import spawn

_STOP_TIMEOUT_S = 15.0
_ROOT = Path(__file__).parents[3]


class WorkerProcess:
    """A worker process and its log."""

    def __init__(self, program: str, job: Job) -> None:
        self.job = job
        self._log = Path(job.home, f"{job.name}.log")
        command = [sys.executable, "-m", f"tests.kafka.traps.{program}"]
        with self._log.open("ab") as log:
            self._process = spawn(
                [*command, msgspec.json.encode(job).decode()], cwd=_ROOT, stdout=log
            )

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace")

    def wait_exit_code(self, *, within_s: float = WAIT_TIMEOUT_S) -> int:
        """Its exit code, once it has ended by itself."""
        return self._process.wait(within_s)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`; return when it is gone."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        self._process.terminate()
        return self.wait_exit_code()

    def close(self) -> None:
        """Whatever it takes."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
