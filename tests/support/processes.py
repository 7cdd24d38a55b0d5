"""Child processes that end together with the test run."""

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
    """Start a process; on Linux the kernel kills it when the test run ends.

    Args:
        command: Program and arguments, run without a shell.
        stdout: Gets the output of both streams.
        cwd: Working directory; the current one by default.
        env: Whole environment; that of the tests by default.
        own_session: Keep Ctrl-C in the terminal from reaching the process.
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
