"""Kafka Connect in standalone mode, with Debezium's connector for PostgreSQL."""

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tests.brokers import maven
from tests.brokers.ports import free_ports
from tests.support.processes import spawn

POMS = Path(__file__).parents[2] / "deploy" / "kafka"

_READY_S = 120.0
_POLL_S = 0.1
_STOP_S = 30.0
_MAIN = "org.apache.kafka.connect.cli.ConnectStandalone"
_JVM_FLAGS = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
_PLUGIN_OPTIONS = (
    "-DincludeScope=runtime",
    "-DexcludeGroupIds=org.apache.kafka,org.slf4j",  # Connect has them
)


class Connect:
    """Kafka Connect with connectors that run until it is closed.

    Args:
        bootstrap: Address of Kafka.
        home: For its files and its log; `offsets` is there.
        connectors: Name of each connector, and its properties.
    """

    def __init__(
        self, bootstrap: str, *, home: Path, connectors: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.home = home
        self._names = tuple(connectors)
        (self._port,) = free_ports(1)
        plugins = home / "plugins"
        plugins.mkdir(parents=True)
        plugin = maven.resolve_pom(POMS / "debezium" / "pom.xml", *_PLUGIN_OPTIONS)
        (plugins / "debezium").symlink_to(plugin)
        files = [_write(home / "worker.properties", self._properties(bootstrap))]
        for name, properties in connectors.items():
            named = {"name": name, **properties}
            files.append(_write(home / f"{name}.properties", named))
        java = shutil.which("java") or "java"
        classes = f"{maven.resolve_pom(POMS / 'connect' / 'pom.xml')}/*"
        self._command = [java, *_JVM_FLAGS, "-cp", classes, _MAIN, *map(str, files)]
        self.start()

    def start(self) -> None:
        """Start Connect; return when every connector runs.

        Raises:
            AssertionError: It ends, a connector fails, or it takes too long; the end of
                the log is in it.
        """
        with (self.home / "connect.log").open("ab") as log:
            self._process = spawn(self._command, stdout=log)
        deadline_s = time.monotonic() + _READY_S
        while not all(map(self._runs, self._names)):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise AssertionError(self.log[-4000:])
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End Connect as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop Connect in order."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def log(self) -> str:
        """All that Connect has written."""
        return (self.home / "connect.log").read_text(errors="replace")

    def _runs(self, name: str) -> bool:
        try:
            status = self._ask(f"connectors/{name}/status")
        except (URLError, OSError):
            return False
        tasks = [task["state"] for task in status["tasks"]]
        assert "FAILED" not in tasks, status
        return tasks == ["RUNNING"]

    def _ask(self, path: str) -> Any:  # noqa: ANN401 - JSON
        with urlopen(
            f"http://127.0.0.1:{self._port}/{path}", timeout=_POLL_S * 50
        ) as r:
            return json.load(r)

    def _properties(self, bootstrap: str) -> dict[str, str]:
        converter = "org.apache.kafka.connect.json.JsonConverter"
        return {
            "bootstrap.servers": bootstrap,
            "key.converter": converter,
            "value.converter": converter,
            "offset.storage.file.filename": str(self.home / "offsets"),
            "offset.flush.interval.ms": "1000",
            # Without a scan of all classes Connect starts in a third of the time.
            "plugin.discovery": "service_load",
            "plugin.path": str(self.home / "plugins"),
            "listeners": f"http://127.0.0.1:{self._port}",
            "rest.advertised.host.name": "127.0.0.1",
        }


def _write(path: Path, properties: Mapping[str, str]) -> Path:
    lines = [f"{name}={value}\n" for name, value in properties.items()]
    path.write_text("".join(lines))
    return path
