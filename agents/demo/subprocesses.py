"""Processes of a demo: started, watched, and stopped by process id."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from streams.errors import StreamsError

START_LIMIT_S = 30.0
END_LIMIT_S = 10.0
STEP_S = 0.05


class DemoError(StreamsError):
    """Failure of the demo itself; the message says where to look."""


class CommandProcess:
    """Process of a `klaviyo-streams` command, stopped at the end of the block.

    Args:
        arguments: The command and its options.
        env: The complete environment.
        log: File for the output.
    """

    def __init__(self, *arguments: str, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._name = arguments[0]
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "agents.cli", *arguments],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def check(self) -> None:
        """Raise an error if the process has exited.

        Raises:
            DemoError: The process has exited.
        """
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"the {self._name} has ended with exit code {code}")

    def wait_for_output(self, pattern: re.Pattern[str]) -> str:
        """Wait until the output matches a pattern, and return the match.

        Raises:
            DemoError: The process has exited, or there is no match in time.
        """
        limit_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit_s:
            if match := pattern.search(self.log.read_text(errors="replace")):
                return match[0]
            self.check()
            time.sleep(STEP_S)
        raise DemoError(f"the {self._name} is not up after {START_LIMIT_S:.0f} s")
