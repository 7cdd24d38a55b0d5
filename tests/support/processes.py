"""Processes that a test run starts, and that do not outlive it."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
"""`setpriv --pdeathsig` fires at the end of the *thread* that started the child, so
one thread that lives as long as the interpreter starts them all."""


def spawn(
    command: Sequence[str],
    *,
    stdout: IO[bytes] | int,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process; on Linux the kernel ends it when we die, even by `kill -9`.

    Args:
        command: What is run, without a shell.
        stdout: Takes what it prints, on both streams.
        cwd: Where it is run; here unless told.
        env: Its whole environment; ours unless told.
        own_session: Ctrl-C in our terminal does not reach it.
    """
    return _spawner.submit(
        subprocess.Popen,
        [*_die_with_parent(), *command],
        cwd=cwd,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        start_new_session=own_session,
    ).result()


def _die_with_parent() -> tuple[str, ...]:
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv else ()
