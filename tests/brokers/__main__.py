"""`python -m tests.brokers start|stop|status`: a real Kafka by hand, on the JVM."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.brokers import jars, jvm

_BEGIN_S = 120.0
_END_S = 20.0
_POLL_S = 0.1


def main() -> int:
    """Do what the one argument says."""
    action = sys.argv[1] if len(sys.argv) == 2 else ""
    actions = {"start": _start, "stop": _stop, "status": _status, "serve": _serve}
    if action not in actions:
        return _say("usage: python -m tests.brokers start|stop|status", code=2)
    return actions[action]()


def _start() -> int:
    if _pid() is not None:
        return _status()
    reason = jvm.usable()
    if reason is not None:
        return _say(f"a real Kafka needs Java and Maven: {reason}", code=1)
    _say("starting Apache Kafka (the first time, Maven fetches its jars) ...")
    jars.jars()
    _bootstrap_file().unlink(missing_ok=True)
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.brokers", "serve"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(jars.cache() / "keeper.log").open("wb"),
        start_new_session=True,
    )
    return _await_start(keeper)


def _await_start(keeper: subprocess.Popen[bytes]) -> int:
    deadline_s = time.monotonic() + _BEGIN_S
    while time.monotonic() < deadline_s and keeper.poll() is None:
        if _bootstrap_file().exists():
            return _status()
        time.sleep(_POLL_S)
    return _say(f"it did not start: see {jars.cache() / 'keeper.log'}", code=1)


def _stop() -> int:
    pid = _pid()
    if pid is None:
        return _say("no Kafka of ours is running")
    os.kill(pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _END_S
    while _pid() == pid and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    return _say("stopped" if _pid() is None else f"process {pid} does not end")


def _status() -> int:
    if _pid() is None or not _bootstrap_file().exists():
        return _say("no Kafka of ours is running")
    return _say(f"KAFKA_BOOTSTRAP_SERVERS={_bootstrap_file().read_text()}")


def _serve() -> int:
    """Keep the broker until SIGTERM: it ends with this process."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _pid_file().open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        return _hold(jvm.JvmKafka())


def _hold(broker: jvm.JvmKafka) -> int:
    try:
        fresh = _bootstrap_file().with_suffix(".fresh")
        fresh.write_text(broker.bootstrap)
        fresh.rename(_bootstrap_file())
        signal.pause()
    finally:
        _bootstrap_file().unlink(missing_ok=True)
        broker.close()
    return 0


def _pid() -> int | None:
    """The keeper's process id: it holds a lock on the file while it lives."""
    try:
        with _pid_file().open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(_pid_file().read_text())
    except OSError:
        pass  # there is no such file: never started here
    return None


def _pid_file() -> Path:
    return jars.cache() / "kafka.pid"


def _bootstrap_file() -> Path:
    return jars.cache() / "kafka.bootstrap"


def _say(line: str, *, code: int = 0) -> int:
    print(line)  # noqa: T201 - a command line
    return code


if __name__ == "__main__":
    sys.exit(main())
