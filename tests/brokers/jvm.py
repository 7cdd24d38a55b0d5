"""Apache Kafka in KRaft mode on the JVM: one node or three."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.brokers import interface, maven
from tests.brokers.ports import free_ports
from tests.brokers.properties import CLUSTER_ID, Node, node_properties
from tests.support.processes import spawn

_STOP_TIMEOUT_S = 60.0
"""Longest wait for an orderly shutdown, which first moves leaders away."""

_JVM_FLAGS = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)


@cache
def _class_archive() -> Path:
    """Return where the classes of Kafka are kept as this JVM has parsed them.

    A JVM that finds them starts in half the time. The first run records them.
    """
    java = shutil.which("java") or "java"
    command = [java, "-version"]
    version = subprocess.run(command, check=True, capture_output=True).stderr  # noqa: S603 - no shell
    jar_dir = maven.resolve_kafka()
    digest = hashlib.sha256(version).hexdigest()[:12]
    return jar_dir.with_name(f"{jar_dir.name}-{digest}.jsa")


def unavailable_reason() -> str | None:
    """Return the reason why the JVM is unavailable, or None."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"no {' and no '.join(missing)} here" if missing else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Further listeners of a single node, with what secures them.

    Attributes:
        listeners: Security protocol of each further listener, by name.
        properties: Further server properties.
        format_options: Options of Kafka's `format`, which creates SCRAM users.
        jvm_flags: Further flags of the JVM.
    """

    listeners: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    format_options: tuple[str, ...] = ()
    jvm_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JvmNode:
    """Node on the JVM: its directory and its ports."""

    node: Node
    home: Path
    port: int
    secure_ports: Mapping[str, int]
    """Port of each further listener, by name."""
    jvm_flags: tuple[str, ...]

    @property
    def bootstrap(self) -> str:
        """Address for clients: `host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> Path:
        """Path of the properties file."""
        return self.home / "server.properties"

    def command(self, main: str, *args: str) -> list[str]:
        """Return the command line for one of Kafka's main classes."""
        java = shutil.which("java") or "java"
        archive = _class_archive()
        shared = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
        classes = f"{maven.resolve_kafka()}/*"
        flags = [*_JVM_FLAGS, *self.jvm_flags, *shared]
        return [java, *flags, "-cp", classes, main, *args]


class JvmKafka:
    """Private broker or cluster on the JVM that ends with this process.

    Args:
        brokers: How many nodes; each is broker and controller.
        home: Where settings, data and logs go; by default a directory that `close`
            removes.
        security: Further listeners of a single node.
    """

    durable = True

    def __init__(
        self,
        *,
        brokers: int = 1,
        home: Path | None = None,
        security: Security | None = None,
    ) -> None:
        security = security or Security()
        suffix = f", {brokers} brokers" if brokers > 1 else ""
        self.name = f"Apache Kafka {maven.kafka_version()} on the JVM{suffix}"
        self.home = home or Path(tempfile.mkdtemp(prefix="klaviyo-streams-kafka-"))
        self.nodes = _prepare_nodes(self.home, brokers=brokers, security=security)
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._recording: Path | None = None
        if brokers == 1 and not _class_archive().exists():
            self._recording = maven.cache_dir() / f"recording-{self.home.name}.jsa"
        with ThreadPoolExecutor(max_workers=brokers) as pool:
            options = security.format_options
            list(pool.map(lambda node: _format(node, options), self.nodes))
        for number in range(brokers):
            self._launch(number)
        self._await_all()

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, up or down."""
        return ",".join(node.bootstrap for node in self.nodes)

    def address_of(self, listener: str) -> str:
        """Return the address of a further listener: `host:port`."""
        return f"127.0.0.1:{self.nodes[0].secure_ports[listener]}"

    def create_topics(
        self,
        *names: str,
        partitions: int = 1,
        replicas: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create topics, replicated to every node unless `replicas` says fewer."""
        interface.create_topics(
            self.bootstrap,
            names,
            partitions=partitions,
            replicas=replicas or len(self.nodes),
            config=config or {},
        )

    def pid(self, *, node: int = 0) -> int:
        """Return the process id of a node that is up."""
        return self._running[node].pid

    def start(self, *, node: int = 0) -> None:
        """Start a node that is down; return when it serves."""
        if node not in self._running:
            self._launch(node)
        self._await(self.nodes[node], count=len(self._running))

    def stop(self, *, node: int = 0) -> None:
        """Shut a node down in order; kill a node that takes too long."""
        process = self._running.pop(node, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, *, node: int = 0) -> None:
        """End a node as `kill -9` does."""
        process = self._running.pop(node, None)
        if process is not None:
            process.kill()
            process.wait()

    def restart(self, *, node: int = 0) -> None:
        """Stop a node in order, if it is up, and start it."""
        self.stop(node=node)
        self.start(node=node)

    def close(self) -> None:
        """End every node and remove the data."""
        if self._recording is not None:
            self._keep_recording(self._recording)
        for node in list(self._running):
            self.kill(node=node)
        shutil.rmtree(self.home, ignore_errors=True)

    def _launch(self, number: int) -> None:
        node = self.nodes[number]
        command = node.command("kafka.Kafka", str(node.settings))
        if self._recording is not None:
            command.insert(1, f"-XX:ArchiveClassesAtExit={self._recording}")
        with (node.home / "kafka.log").open("ab") as log:
            self._running[number] = spawn(command, stdout=log, own_session=True)

    def _keep_recording(self, recording: Path) -> None:
        """Stop the node in order, so that its JVM writes its classes, and keep them."""
        self.stop()
        if recording.exists():
            recording.replace(_class_archive())

    def _await_all(self) -> None:
        try:
            for node in self.nodes:
                self._await(node, count=len(self.nodes))
        except TimeoutError:
            self.close()
            raise

    def _await(self, node: JvmNode, *, count: int) -> None:
        """Wait until a node serves; a time-out quotes the logs of all nodes."""
        try:
            interface.await_brokers(node.bootstrap, count=count)
        except TimeoutError as timeout:
            raise TimeoutError(f"{timeout}\n{_log_tail(self.nodes)}") from timeout


def _prepare_nodes(
    home: Path, *, brokers: int, security: Security
) -> tuple[JvmNode, ...]:
    ports = free_ports(2 * brokers)
    secure_ports = free_ports(len(security.listeners))
    nodes = [
        Node(number=i + 1, controller=f"127.0.0.1:{port}")
        for i, port in enumerate(ports[:brokers])
    ]
    jvm_nodes = tuple(
        JvmNode(
            node=node,
            home=home / str(node.number),
            port=port,
            secure_ports=dict(zip(security.listeners, secure_ports, strict=True)),
            jvm_flags=security.jvm_flags,
        )
        for node, port in zip(nodes, ports[brokers:], strict=True)
    )
    for jvm_node in jvm_nodes:
        _write_settings(jvm_node, nodes, security)
    return jvm_nodes


def _write_settings(
    jvm_node: JvmNode, nodes: Sequence[Node], security: Security
) -> None:
    advertised = ",".join(
        [
            f"PLAINTEXT://{jvm_node.bootstrap}",
            *(f"{n}://127.0.0.1:{port}" for n, port in jvm_node.secure_ports.items()),
        ]
    )
    protocols = {
        "PLAINTEXT": "PLAINTEXT",
        "CONTROLLER": "PLAINTEXT",
        **security.listeners,
    }
    properties = {
        **node_properties(jvm_node.node, nodes=nodes),
        "listeners": f"{advertised},CONTROLLER://{jvm_node.node.controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}" for name, protocol in protocols.items()
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(jvm_node.home / "data"),
        **security.properties,
    }
    jvm_node.home.mkdir(parents=True)
    lines = [f"{key}={value}\n" for key, value in properties.items()]
    jvm_node.settings.write_text("".join(lines))


def _format(node: JvmNode, options: Sequence[str]) -> None:
    args = ("format", "-t", CLUSTER_ID, "-c", str(node.settings), *options)
    command = node.command("kafka.tools.StorageTool", *args)
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell


def _log_tail(nodes: Sequence[JvmNode]) -> str:
    lines: list[str] = []
    for node in nodes:
        with contextlib.suppress(OSError):
            lines += (node.home / "kafka.log").read_text().splitlines()[-15:]
    return "\n".join(lines)
