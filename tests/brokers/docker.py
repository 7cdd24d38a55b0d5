"""Apache Kafka in Docker, through testcontainers: one node or three."""

import os
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from tests.brokers import interface, maven
from tests.brokers.ports import free_ports
from tests.brokers.properties import CLUSTER_ID, Node, node_properties

_PING_TIMEOUT_S = 3
_STOP_TIMEOUT_S = 15
_INTERNAL, _CONTROLLER, _CLIENTS = 19092, 19093, 9092
"""Ports inside a container; clients use a port of this machine."""

_PROTOCOLS = "INTERNAL:PLAINTEXT,CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT"


def unavailable_reason() -> str | None:
    """Return the reason why Docker is unavailable, or None."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    try:
        return None if _responds(host) else "Docker does not answer"
    except OSError:
        return "Docker does not answer"


def _responds(host: str) -> bool:
    # By hand: the client leaves its sockets open when nobody answers.
    url = urlsplit(host)
    family = socket.AF_UNIX if url.scheme == "unix" else socket.AF_INET
    address = url.path if url.scheme == "unix" else (url.hostname, url.port)
    with socket.socket(family) as sock:
        sock.settimeout(_PING_TIMEOUT_S)
        sock.connect(address)
        sock.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in sock.recv(64)


class DockerKafka:
    """Private broker or cluster in Docker; testcontainers ends it with this process.

    Args:
        brokers: How many nodes; each is broker and controller.
    """

    durable = True

    def __init__(self, *, brokers: int = 1) -> None:
        suffix = f", {brokers} brokers" if brokers > 1 else ""
        self.name = f"Apache Kafka {maven.kafka_version()} in Docker{suffix}"
        self._ports = free_ports(brokers)
        self._running = set(range(brokers))
        self._network = Network().create()
        self._containers = self._build_containers(brokers)
        try:
            for container in self._containers:
                container.start()
            for port in self._ports:
                interface.await_brokers(f"127.0.0.1:{port}", count=brokers)
        except BaseException:  # whatever it is: ended here, then raised
            self.close()
            raise

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, up or down."""
        return ",".join(f"127.0.0.1:{port}" for port in self._ports)

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
            replicas=replicas or len(self._ports),
            config=config or {},
        )

    def start(self, *, node: int = 0) -> None:
        """Start a node that is down; return when it serves."""
        self._containers[node].get_wrapped_container().start()
        self._running.add(node)
        interface.await_brokers(
            f"127.0.0.1:{self._ports[node]}", count=len(self._running)
        )

    def stop(self, *, node: int = 0) -> None:
        """Shut a node down in order; Docker kills a node that takes too long."""
        self._containers[node].get_wrapped_container().stop(timeout=_STOP_TIMEOUT_S)
        self._running.discard(node)

    def kill(self, *, node: int = 0) -> None:
        """End a node as `kill -9` does."""
        self._containers[node].get_wrapped_container().kill("SIGKILL")
        self._running.discard(node)

    def restart(self, *, node: int = 0) -> None:
        """Stop a node in order, if it is up, and start it."""
        if node in self._running:
            self.stop(node=node)
        self.start(node=node)

    def close(self) -> None:
        """End every node and remove the data."""
        for container in self._containers:
            container.stop()
        self._network.remove()

    def _build_containers(self, brokers: int) -> list[DockerContainer]:
        nodes = [
            Node(number=i + 1, controller=f"kafka-{i + 1}:{_CONTROLLER}")
            for i in range(brokers)
        ]
        return [
            self._build_container(
                node, container_environment(node, nodes=nodes, port=port), port
            )
            for node, port in zip(nodes, self._ports, strict=True)
        ]

    def _build_container(
        self, node: Node, settings: Mapping[str, str], port: int
    ) -> DockerContainer:
        container = DockerContainer(f"apache/kafka:{maven.kafka_version()}")
        container.with_network(self._network)
        container.with_network_aliases(f"kafka-{node.number}")
        container.with_bind_ports(_CLIENTS, port)
        container.with_envs(**settings)
        return container


def container_environment(
    node: Node, *, nodes: list[Node], port: int
) -> dict[str, str]:
    """Return the image's environment: properties in capitals, dots as underscores."""
    alias = f"kafka-{node.number}"
    properties = {
        **node_properties(node, nodes=nodes),
        "listeners": f"INTERNAL://:{_INTERNAL},CLIENTS://:{_CLIENTS},"
        f"CONTROLLER://:{_CONTROLLER}",
        "advertised.listeners": f"INTERNAL://{alias}:{_INTERNAL},"
        f"CLIENTS://127.0.0.1:{port}",
        "inter.broker.listener.name": "INTERNAL",
        "listener.security.protocol.map": _PROTOCOLS,
    }
    variables = {
        f"KAFKA_{key.upper().replace('.', '_')}": value
        for key, value in properties.items()
    }
    return {**variables, "CLUSTER_ID": CLUSTER_ID, "KAFKA_HEAP_OPTS": "-Xmx384m"}
