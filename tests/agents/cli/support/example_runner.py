"""An example as a shell would run it: programs, joined by pipes, in a folder."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.agents.cli.support.help_examples import NAME, ExampleProgram
from tests.support.cli_server import CliProcess, spawn_cli

ROOT = Path(__file__).parents[4]
WITHIN_S = 240.0
_POLL_S = 0.05


class ExampleRun:
    """Stages under way; leaving the block ends those still there.

    Args:
        stages: The programs; the output of one is the input of the next.
        folder: Where they run; files are named from here.
        environ: Their whole environment, save what the stages assign.
    """

    def __init__(
        self,
        stages: Sequence[ExampleProgram],
        *,
        folder: Path,
        environ: Mapping[str, str],
    ) -> None:
        self._stages = stages
        self._folder = folder
        self._environ = environ
        self._log = folder / ".said"
        self._running: list[subprocess.Popen[bytes] | CliProcess] = []

    def __enter__(self) -> Self:
        given: int | None = None
        with self._log.open("ab") as log:
            for number, stage in enumerate(self._stages, 1):
                last = number == len(self._stages)
                given = self._start(stage, given, log.fileno(), last=last)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()

    @property
    def output(self) -> str:
        """All that they have printed, where no file or program took it."""
        return self._log.read_text(errors="replace")

    def codes(self, *, within_s: float = WITHIN_S) -> list[int]:
        """Return the exit codes once all programs have ended.

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
        while not ready(self.output):
            if time.monotonic() > until_s or self._running[-1].poll() is not None:
                return False
            time.sleep(_POLL_S)
        return True

    def stop(self) -> None:
        """Send SIGTERM to every program."""
        for process in self._running:
            process.terminate()

    def _start(
        self, stage: ExampleProgram, given: int | None, log: int, *, last: bool
    ) -> int | None:
        """Start one program; return the pipe with its output unless it is the last."""
        with ExitStack() as ours:  # kept open here, no pipe would ever end
            if given is None:
                source = self._folder / (stage.source or os.devnull)
                given = ours.enter_context(source.open("rb")).fileno()
            else:
                ours.callback(os.close, given)
            output, target = (None, log) if last else os.pipe()
            if not last:
                ours.callback(os.close, target)
            if stage.target:
                file = (self._folder / stage.target).open("wb")
                target = ours.enter_context(file).fileno()
            self._running.append(self._spawn(stage, given, target, log))
        return output

    def _spawn(
        self, stage: ExampleProgram, stdin: int, stdout: int, stderr: int
    ) -> subprocess.Popen[bytes] | CliProcess:
        env = {**self._environ, **stage.environ}
        if stage.arguments[0] == NAME:
            return spawn_cli(
                *stage.arguments[1:],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env=env,
                cwd=self._folder,
            )
        return subprocess.Popen(  # noqa: S603 - an example of ours, no shell
            stage.arguments,
            cwd=self._folder,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )


def is_known(program: str) -> bool:
    """Return True if the program exists."""
    return program == NAME or shutil.which(program) is not None
