"""A worker process, its settings and its log."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.cli_server import spawn_cli

_END_S = 240.0


class Worker:
    """`klaviyo-streams worker` with an environment of its own.

    Args:
        name: Names its log.
        environ: Its whole environment.
        home: Where the log goes.
    """

    def __init__(self, name: str, *, environ: Mapping[str, str], home: Path) -> None:
        self.name = name
        self._log = home / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = spawn_cli(
                "worker", "--no-create-topics", env=environ, stdout=log.fileno()
            )

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    @property
    def log(self) -> str:
        """All that workers of this name have written."""
        return self._log.read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Log lines of one event."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if line["event"] == name]

    @property
    def rss_bytes(self) -> int:
        """Resident memory in bytes."""
        command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
        return 1024 * int(subprocess.check_output(command))  # noqa: S603 - no shell

    def kill(self) -> None:
        """`kill -9`; return when it is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Send SIGTERM to the worker."""
        self._process.terminate()

    def ended(self) -> int:
        """Return the exit code once the worker has ended."""
        return self._process.wait(_END_S)
