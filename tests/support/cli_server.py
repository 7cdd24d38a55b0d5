"""Programs of the project in processes forked from one that has imported everything.

Starting an interpreter and importing the project costs more than a second of CPU, and a
run of the tests starts some hundred workers and sandboxes. `spawn_cli` forks them
instead from a server process, `python -m tests.support.cli_server`, which each test
process starts once. Real processes all the same: their own memory, signals and exit
codes. Tests of the start itself use `tests.support.processes.spawn`.

`spawn_module` does the same for other modules. Each set of imports has a server of its
own, so that a worker on stock Faust has nothing of this project's engine in its memory.
"""

import contextlib
import ctypes
import gc
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import NoReturn

import msgspec

from agents.cli import COMMANDS

ROOT = Path(__file__).parents[2]
_REQUEST_MAX_BYTES = 200_000
_PR_SET_PDEATHSIG = 1
_CLI = "agents.cli"
_CLI_IMPORTS = (
    "agents.app",
    *(f"{_CLI}.{name}" for name in COMMANDS),
    "streams.sandbox",
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Program to fork: module to run, arguments, environment and directory."""

    module: str
    args: list[str]
    env: dict[str, str]
    cwd: str


class CliProcess:
    """Process of one command, with the methods of `subprocess.Popen` that tests use.

    Args:
        pid: Process id.
        control: Socket from which the server sends the exit code.
    """

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._control = control
        self._pidfd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._read_exit(timeout_s=0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once the process has ended.

        Raises:
            subprocess.TimeoutExpired: The process still runs after `timeout` seconds.
        """
        code = self._read_exit(timeout_s=timeout)
        if code is None:
            raise subprocess.TimeoutExpired("klaviyo-streams", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal; to a process that has ended, send none."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """Ask the process to end, by SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process at once, by SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _read_exit(self, *, timeout_s: float | None) -> int | None:
        if self.returncode is None:
            ready, _, _ = select.select([self._control], [], [], timeout_s)
            if ready:
                self.returncode = int(self._control.recv(16) or b"-9")
                self._control.close()
                os.close(self._pidfd)
        return self.returncode


def spawn_cli(
    *args: str,
    stdout: int,
    stderr: int | None = None,
    stdin: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> CliProcess:
    """Run `klaviyo-streams` in a process of its own.

    Args:
        args: Arguments of the command.
        stdout: File descriptor that gets the standard output.
        stderr: File descriptor that gets the standard error; `stdout` by default.
        stdin: File descriptor of the standard input; empty input by default.
        env: Whole environment; that of the tests by default.
        cwd: Working directory.
    """
    request = Request(
        module=_CLI, args=[*args], env=dict(env or os.environ), cwd=str(cwd)
    )
    return _fork(request, imports=_CLI_IMPORTS, outputs=(stdout, stderr), stdin=stdin)


def spawn_module(
    module: str, *args: str, stdout: int, imports: Sequence[str]
) -> CliProcess:
    """Run `python -m module` in a process of its own.

    Args:
        module: Module to run, itself not among the imports.
        args: Its arguments.
        stdout: File descriptor that gets both outputs.
        imports: Modules that its server has imported.
    """
    request = Request(module=module, args=[*args], env=dict(os.environ), cwd=str(ROOT))
    return _fork(request, imports=tuple(imports), outputs=(stdout, None), stdin=None)


def _fork(
    request: Request,
    *,
    imports: tuple[str, ...],
    outputs: tuple[int, int | None],
    stdin: int | None,
) -> CliProcess:
    stdout, stderr = outputs
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, Path(os.devnull).open("rb") as empty:
        fds = [
            theirs.fileno(),
            empty.fileno() if stdin is None else stdin,
            stdout,
            stdout if stderr is None else stderr,
        ]
        packet = msgspec.json.encode(request)
        socket.send_fds(_server(imports)[0], [packet], fds)
    return CliProcess(int(ours.recv(16)), ours)


def run_cli(
    *args: str, env: Mapping[str, str] | None = None, timeout_s: float
) -> "subprocess.CompletedProcess[str]":
    """Run `klaviyo-streams` in a process of its own until it ends.

    Raises:
        subprocess.TimeoutExpired: Still running after `timeout_s`, and killed.
    """
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = spawn_cli(
            *args, stdout=stdout.fileno(), stderr=stderr.fileno(), env=env
        )
        try:
            code = process.wait(timeout_s)
        finally:
            process.kill()
        outputs = []
        for file in (stdout, stderr):
            file.seek(0)
            outputs.append(file.read().decode())
    return subprocess.CompletedProcess(args, code, *outputs)


@cache
def _server(
    imports: tuple[str, ...],
) -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Start the server; the kernel and the closed socket end it with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.support.cli_server"]
        process = subprocess.Popen(  # noqa: S603 - no shell
            [*command, str(theirs.fileno()), *imports],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
        )
    return ours, process


def serve(requests: socket.socket) -> None:
    """Fork a process for each request until the tests close their end."""
    controls: dict[int, socket.socket] = {}
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    while True:
        watched: list[socket.socket | int] = [requests, wake_read]
        ready, _, _ = select.select(watched, [], [])
        if wake_read in ready:
            os.read(wake_read, 1_000)
            _report_exits(controls)
        if requests in ready:
            packet, fds, _, _ = socket.recv_fds(requests, _REQUEST_MAX_BYTES, 4)
            if not packet:
                return
            control_fd, *streams = fds
            control = socket.socket(fileno=control_fd)
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                requests.close()
                _run(msgspec.json.decode(packet, type=Request), streams=streams)
            for stream in streams:
                os.close(stream)
            control.send(str(pid).encode())
            controls[pid] = control


def _report_exits(controls: dict[int, socket.socket]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with controls.pop(pid) as control, contextlib.suppress(OSError):
                control.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run(request: Request, *, streams: Sequence[int]) -> NoReturn:
    """Become `python -m module` with the arguments of a request."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)  # the reader of a pipe must see its end
        os.environ.clear()
        os.environ.update(request.env)
        os.chdir(request.cwd)
        sys.argv[1:] = request.args
        runpy.run_module(request.module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        import_module(name)
    gc.freeze()  # what is shared with the children stays unwritten
    with socket.socket(fileno=int(sys.argv[1])) as end_of_server:
        serve(end_of_server)
