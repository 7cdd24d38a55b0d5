"""Worker as a separate process, ended by its id."""

import signal
import subprocess
from pathlib import Path

import msgspec

from tests.kafka.traps.job import WAIT_TIMEOUT_S, Job
from tests.support.cli_server import spawn_module

_STOP_TIMEOUT_S = 60.0

_IMPORTS = {
    "ours": ("tests.kafka.traps.engine_worker",),
    "stock": ("tests.kafka.traps.job", "faust", "faust.transport.drivers.aiokafka"),
}
"""What a program's worker finds imported: no stock worker has our engine in it."""


class WorkerProcess:
    """Worker process with its log file."""

    def __init__(self, program: str, job: Job) -> None:
        self.job = job
        self._log = Path(job.home, f"{job.name}.log")
        with self._log.open("ab") as log:
            self._process = spawn_module(
                f"tests.kafka.traps.{program}",
                msgspec.json.encode(job).decode(),
                stdout=log.fileno(),
                imports=_IMPORTS[program],
            )

    @property
    def exit_code(self) -> int | None:
        """Exit code; None while the process runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """Everything the worker has printed."""
        return self._log.read_text(errors="replace")

    def wait_exit_code(self, *, within_s: float = WAIT_TIMEOUT_S) -> int:
        """Wait until the process ends by itself; return its exit code."""
        return self._process.wait(within_s)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill as `kill -9` does; return when the process is gone."""
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        """Send SIGTERM; return the exit code."""
        self._process.terminate()
        return self.wait_exit_code()

    def close(self) -> None:
        """End the process, by SIGKILL if SIGTERM takes too long."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
