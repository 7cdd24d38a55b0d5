"""Apicurio Registry on the JVM: unpacked once by Maven, started once for a test run.

Its schemas are in memory. Tests name their subjects after themselves.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from tests.brokers.maven import cache_dir
from tests.brokers.ports import free_ports

POM = Path(__file__).with_name("pom.xml")
RUN_DIR_VARIABLE = "TEST_SCHEMA_REGISTRY_DIR"
"""Names a directory that all processes of a run share."""

API = "/apis/ccompat/v7"
"""Path of Apicurio's Confluent API."""

_MAVEN_TIMEOUT_S = 600.0
_START_TIMEOUT_S = 120.0

_JVM_FLAGS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dquarkus.http.host=127.0.0.1",
)

_END_WITH_THE_RUN = """
"$@" & registry=$!
while kill -0 "$RUN_PID" 2>/dev/null; do sleep 1; done
kill "$registry"; rm -rf "$RUN_DIR"
"""
"""The registry outlives the process that needed it first, but not the run."""

_started: list[subprocess.Popen[bytes]] = []
"""Process that this one started: nothing ends it, and nothing collects it either."""


def unavailable_reason() -> str | None:
    """Return why there is no registry here, and how to get it; None if there is."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        fix = "install Java 17 and Maven (Debian: openjdk-17-jre-headless maven)"
        return f"no {' and no '.join(missing)} here: {fix}"
    return None


def shared_url() -> str:
    """Return the address of this run's registry; start it if nobody has.

    Raises:
        TimeoutError: It does not answer in time.
        subprocess.SubprocessError: Maven failed.
    """
    named = os.environ.get(RUN_DIR_VARIABLE)
    run_dir = Path(named or tempfile.mkdtemp(prefix="klaviyo-streams-registry-"))
    with (run_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = run_dir / "url"
        if not address.exists():
            run_pid = os.getppid() if named else os.getpid()
            address.write_text(_start(run_dir, run_pid=run_pid))
        return address.read_text()


def _start(run_dir: Path, *, run_pid: int) -> str:
    home = _unpack()
    [port] = free_ports(1)
    [jar] = home.glob("*-runner.jar")
    java = [shutil.which("java") or "java", *_JVM_FLAGS]
    command = [*java, f"-Dquarkus.http.port={port}", "-jar", str(jar)]
    shell = ["sh", "-c", _END_WITH_THE_RUN, "sh", *command]
    env = {**os.environ, "RUN_PID": str(run_pid), "RUN_DIR": str(run_dir)}
    with (run_dir / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - not `spawn`: it outlives this process
            shell, stdout=log, stderr=log, env=env, start_new_session=True
        )
    _started.append(process)
    url = f"http://127.0.0.1:{port}{API}"
    _await_answer(f"{url}/subjects", log=run_dir / "log")
    return url


def _unpack() -> Path:
    """Return the directory of the registry; run Maven if it does not exist."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    home = cache_dir() / f"apicurio-{digest}"
    if home.is_dir():
        return home
    cache_dir().mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix="resolving-", dir=cache_dir()))
    goal = ["dependency:unpack", f"-DoutputDirectory={temporary}"]
    maven = [shutil.which("mvn") or "mvn", "-q", "-B", "-f", str(POM)]
    subprocess.run(  # noqa: S603 - our own pom, no shell
        [*maven, *goal], check=True, capture_output=True, timeout=_MAVEN_TIMEOUT_S
    )
    temporary.rename(home)
    return home


def _await_answer(url: str, *, log: Path) -> None:
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the registry does not answer:\n{log.read_text()[-2_000:]}")
