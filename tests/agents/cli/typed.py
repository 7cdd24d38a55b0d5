"""An example as a shell would run it: programs, joined by pipes, in a folder."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from tests.agents.cli.examples import NAME, Stage

ROOT = Path(__file__).parents[3]
WITHIN_S = 240.0
_POLL_S = 0.05


class Typed:
    """Stages under way; leaving the block ends those still there.

    Args:
        stages: The programs; the output of one is the input of the next.
        folder: Where they run; files are named from here.
        environ: Their whole environment, save what the stages assign.
    """

    def __init__(
        self, stages: Sequence[Stage], *, folder: Path, environ: Mapping[str, str]
    ) -> None:
        self._stages = stages
        self._folder = folder
        self._environ = environ
        self._log = folder / ".said"
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        given: IO[bytes] | None = None
        with self._log.open("ab") as log:
            for number, stage in enumerate(self._stages, 1):
                given = self._start(stage, given, log, last=number == len(self._stages))
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def said(self) -> str:
        """All that they have printed, where no file or program took it."""
        return self._log.read_text(errors="replace")

    def codes(self, *, within_s: float = WITHIN_S) -> list[int]:
        """Their exit codes, once all have ended.

        Raises:
            subprocess.TimeoutExpired: One has not, in time.
        """
        until_s = time.monotonic() + within_s
        return [
            process.wait(max(0.0, until_s - time.monotonic()))
            for process in self._running
        ]

    def await_ready(self, ready: Callable[[str], bool]) -> bool:
        """Return when what was said is enough; False when it ended or took too long."""
        until_s = time.monotonic() + WITHIN_S
        while not ready(self.said):
            if time.monotonic() > until_s or self._running[-1].poll() is not None:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self) -> None:
        """SIGTERM."""
        for process in self._running:
            process.terminate()

    def _start(
        self, stage: Stage, given: IO[bytes] | None, log: IO[bytes], *, last: bool
    ) -> IO[bytes] | None:
        with ExitStack() as ours:  # kept open here, no pipe would ever end
            source = self._folder / (stage.source or os.devnull)
            taken = given or source.open("rb")
            target: IO[bytes] | int = log if last else subprocess.PIPE
            if stage.target:
                target = ours.enter_context((self._folder / stage.target).open("wb"))
            process = subprocess.Popen(  # noqa: S603 - an example of ours, no shell
                _command(stage.words),
                cwd=self._folder,
                env={**self._environ, **stage.environ},
                stdin=ours.enter_context(taken),
                stdout=target,
                stderr=log,
            )
        self._running.append(process)
        return process.stdout


def is_known(program: str) -> bool:
    """Whether there is such a program."""
    return program == NAME or shutil.which(program) is not None


def _command(words: Sequence[str]) -> list[str]:
    if words[0] == NAME:
        return [sys.executable, "-m", "agents.cli", *words[1:]]
    return [*words]
