"""The processes of a demo: started, watched, and ended by their id."""

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from agents.demo.errors import DemoError

START_LIMIT_S = 30.0
END_LIMIT_S = 10.0
STEP_S = 0.05


class CommandProcess:
    """One `klaviyo-streams` command; leaving the block ends it.

    Args:
        arguments: The command and its options.
        env: Its whole environment.
        log: File that takes all it prints.
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
        """Make sure that it runs.

        Raises:
            DemoError: It has ended.
        """
        code = self._process.poll()
        if code is not None:
            raise DemoError(f"the {self._name} has ended with exit code {code}")

    def wait_for_output(self, pattern: re.Pattern[str]) -> str:
        """Wait until it prints what matches.

        Raises:
            DemoError: It ended before, or takes too long.
        """
        limit_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit_s:
            if found := pattern.search(self.log.read_text(errors="replace")):
                return found[0]
            self.check()
            time.sleep(STEP_S)
        raise DemoError(f"the {self._name} is not up after {START_LIMIT_S:.0f} s")
