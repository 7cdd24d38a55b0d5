"""Real Kafka on the JVM by hand: `python -m tests.brokers start|stop|status`."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.brokers import jvm, maven

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 20.0
_POLL_S = 0.1


def main() -> int:
    """Run the action named by the argument."""
    action = sys.argv[1] if len(sys.argv) == 2 else ""
    actions = {"start": _start, "stop": _stop, "status": _status, "serve": _serve}
    if action not in actions:
        return _print_line("usage: python -m tests.brokers start|stop|status", code=2)
    return actions[action]()


def _start() -> int:
    if _pid() is not None:
        return _status()
    reason = jvm.unavailable_reason()
    if reason is not None:
        return _print_line(f"a real Kafka needs Java and Maven: {reason}", code=1)
    _print_line("starting Apache Kafka (the first time, Maven fetches its jars) ...")
    maven.resolve_kafka()
    _bootstrap_file().unlink(missing_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.brokers", "serve"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(maven.cache_dir() / "keeper.log").open("wb"),
        start_new_session=True,
    )
    return _await_start(server)


def _await_start(server: subprocess.Popen[bytes]) -> int:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s and server.poll() is None:
        if _bootstrap_file().exists():
            return _status()
        time.sleep(_POLL_S)
    return _print_line(
        f"it did not start: see {maven.cache_dir() / 'keeper.log'}", code=1
    )


def _stop() -> int:
    pid = _pid()
    if pid is None:
        return _print_line("no Kafka of ours is running")
    os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_TIMEOUT_S
    while _pid() == pid and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    return _print_line("stopped" if _pid() is None else f"process {pid} does not end")


def _status() -> int:
    if _pid() is None or not _bootstrap_file().exists():
        return _print_line("no Kafka of ours is running")
    return _print_line(f"KAFKA_BOOTSTRAP_SERVERS={_bootstrap_file().read_text()}")


def _serve() -> int:
    """Keep the broker running until SIGTERM ends this process and the broker."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _pid_file().open("a+") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lock_file.truncate(0)
        lock_file.write(str(os.getpid()))
        lock_file.flush()
        return _serve_until_signal(jvm.JvmKafka())


def _serve_until_signal(broker: jvm.JvmKafka) -> int:
    try:
        temporary_file = _bootstrap_file().with_suffix(".fresh")
        temporary_file.write_text(broker.bootstrap)
        temporary_file.rename(_bootstrap_file())
        signal.pause()
    finally:
        _bootstrap_file().unlink(missing_ok=True)
        broker.close()
    return 0


def _pid() -> int | None:
    """Return the server's process id, which holds a lock on the file while it lives."""
    try:
        with _pid_file().open("r+") as lock_file:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(_pid_file().read_text())
    except OSError:
        pass  # there is no such file: never started here
    return None


def _pid_file() -> Path:
    return maven.cache_dir() / "kafka.pid"


def _bootstrap_file() -> Path:
    return maven.cache_dir() / "kafka.bootstrap"


def _print_line(line: str, *, code: int = 0) -> int:
    print(line)  # noqa: T201 - a command line
    return code


if __name__ == "__main__":
    sys.exit(main())
