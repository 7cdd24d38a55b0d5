"""Choice and configuration of a broker; no broker is started here."""

import pytest

from tests.brokers import choice, external
from tests.brokers.docker import container_environment
from tests.brokers.interface import Broker
from tests.brokers.ports import free_ports
from tests.brokers.properties import Node, node_properties


class StubBroker:
    """Broker that is only a name."""

    durable = True
    bootstrap = "nowhere:1"

    def __init__(self, name: str) -> None:
        self.name = name

    def create_topics(self, *names: str, **_: object) -> None:
        """Create no topics at all."""

    def close(self) -> None:
        """End nothing: no broker runs."""


def source(
    name: str, *, reason: str | None = None, failure: str = ""
) -> choice.BrokerSource[Broker]:
    """Return a source that yields a stub, is unavailable, or fails to start."""

    def start() -> Broker:
        if failure:
            raise TimeoutError(failure)
        return StubBroker(name)

    return choice.BrokerSource(
        name=name, unavailable_reason=lambda: reason, start=start
    )


@pytest.mark.parametrize(
    ("sources", "description"),
    [
        pytest.param([source("a"), source("b")], "a", id="the-first-usable"),
        pytest.param(
            [source("a", reason="no a here"), source("b")],
            "b (no a here)",
            id="the-next-and-why-not-the-first",
        ),
        pytest.param(
            [source("a", failure="no image"), source("b")],
            "b (a failed: no image)",
            id="one-that-looked-usable-and-broke",
        ),
        pytest.param([source("a", reason="no a")], "none (no a)", id="none-at-all"),
    ],
)
def test_the_first_source_with_a_broker_is_chosen(
    sources: list[choice.BrokerSource[Broker]], description: str
) -> None:
    """Skipped sources are listed with their reasons."""
    assert str(choice.choose(sources)) == description


def test_the_environment_names_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The external broker is available only if its variable is set."""
    monkeypatch.delenv(external.BOOTSTRAP_VARIABLE, raising=False)
    assert external.unavailable_reason() == "KAFKA_BOOTSTRAP_SERVERS is not set"

    monkeypatch.setenv(external.BOOTSTRAP_VARIABLE, "kafka.example:9092")

    assert external.unavailable_reason() is None


def test_a_property_becomes_a_variable_of_the_image() -> None:
    """Docker's node has the JVM node's settings, under the image's names."""
    nodes = [Node(number=n, controller=f"kafka-{n}:19093") for n in (1, 2, 3)]

    variables = container_environment(nodes[1], nodes=nodes, port=20_001)

    for key, value in node_properties(nodes[1], nodes=nodes).items():
        assert variables[f"KAFKA_{key.upper().replace('.', '_')}"] == value
    assert "CLIENTS://127.0.0.1:20001" in variables["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync"),
    [
        pytest.param(1, "1", "1", id="one-keeps-one"),
        pytest.param(3, "3", "2", id="three-may-lose-one"),
    ],
)
def test_replicas_follow_the_number_of_brokers(
    brokers: int, replicas: str, in_sync: str
) -> None:
    """Each broker has a replica, and all but one must acknowledge."""
    nodes = [Node(number=n + 1, controller=f"h:{n}") for n in range(brokers)]

    properties = node_properties(nodes[0], nodes=nodes)

    assert properties["offsets.topic.replication.factor"] == replicas
    assert properties["min.insync.replicas"] == in_sync


def test_ports_are_different_and_below_the_ephemeral_range() -> None:
    """A client's own port can never be the port of a broker that is down."""
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert all(1024 < port < 32_768 for port in ports)
