"""The worker and the sandbox, each a process of its own that ends with the run."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

STEP_S = 0.05
START_S = 60.0
END_S = 30.0
ANSWER_S = 5.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

_URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process so far, in user and kernel (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


class Command:
    """Process of one `klaviyo-streams` command, stopped at the end of the block."""

    def __init__(self, *args: str, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [sys.executable, "-m", "agents.cli", *args],
                env={**os.environ, **env, "PYTHONUNBUFFERED": "1"},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        try:
            self.await_ready()
        except BaseException:  # whatever it is: ended here, then raised
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def await_ready(self) -> None:
        """Return when it serves."""

    @property
    def cpu_s(self) -> float:
        """CPU time so far.

        Raises:
            RuntimeError: It has ended.
        """
        self.check()
        return cpu_s(self._process.pid)

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            RuntimeError: It has ended.
        """
        if self._process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"ended with {self._process.returncode}:\n{tail}")

    def said(self, pattern: re.Pattern[str]) -> str:
        """Wait until it prints what matches.

        Raises:
            TimeoutError: It does not.
        """
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            self.check()
            if found := pattern.search(self.log.read_text(errors="replace")):
                return found[0]
            time.sleep(STEP_S)
        raise TimeoutError(f"never said {pattern.pattern}")


def ask(url: str) -> dict[str, Any]:
    """The JSON object a local page answers with."""
    with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(answer)
        return found


class Sandbox(Command):
    """A Klaviyo whose quotas are too large to be met, with import jobs of 50 ms.

    It is not told `--no-quotas`: without its headers the client would keep to the
    published quotas.
    """

    url = ""

    def __init__(self, log: Path) -> None:
        orders = ("--port", "0", "--quota-scale", "1000", "--job-seconds", "0.05")
        super().__init__("sandbox", *orders, env={}, log=log)

    def await_ready(self) -> None:
        """Return when it has said where it is."""
        self.url = self.said(_URL)

    def state(self) -> dict[str, Any]:
        """Contents of the sandbox as JSON."""
        return ask(f"{self.url}/sandbox/state")


class Worker(Command):
    """Worker process; ready once the worker owns its partitions."""

    def __init__(self, env: Mapping[str, str], *, partitions: int, log: Path) -> None:
        super().__init__("worker", "--no-create-topics", env=env, log=log)
        self._page = f"http://127.0.0.1:{env['KLAVIYO_STREAMS_WEB_PORT']}/healthz"
        self._awaited = partitions

    def await_ready(self) -> None:
        """Return when it owns its partitions.

        Raises:
            TimeoutError: It does not get them.
        """
        deadline_s = time.monotonic() + START_S
        while self._partitions() < self._awaited:
            self.check()
            if time.monotonic() > deadline_s:
                raise TimeoutError("the worker got no partitions")
            time.sleep(STEP_S)

    def _partitions(self) -> int:
        try:
            readers = ask(self._page)["readers"]
        except OSError:
            return 0
        return sum(reader["partitions"] for reader in readers.values())
