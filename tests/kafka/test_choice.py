"""Which broker is taken, and what it is told; no broker is started here."""

import pytest

from tests.brokers import choice, outside
from tests.brokers.docker import environment
from tests.brokers.face import Broker
from tests.brokers.ports import free_ports
from tests.brokers.properties import Node, node_properties


class Stub:
    """A broker that is only a name."""

    durable = True
    bootstrap = "nowhere:1"

    def __init__(self, name: str) -> None:
        self.name = name

    def create_topics(self, *names: str, **_: object) -> None:
        """Create nothing."""

    def close(self) -> None:
        """End nothing."""


def way(
    name: str, *, refuses: str | None = None, fails: str = ""
) -> choice.Way[Broker]:
    """A way that leads to a stub, or says why not, or breaks when taken."""

    def start() -> Broker:
        if fails:
            raise TimeoutError(fails)
        return Stub(name)

    return choice.Way(name=name, usable=lambda: refuses, start=start)


@pytest.mark.parametrize(
    ("ways", "says"),
    [
        pytest.param([way("a"), way("b")], "a", id="the-first-usable"),
        pytest.param(
            [way("a", refuses="no a here"), way("b")],
            "b (no a here)",
            id="the-next-and-why-not-the-first",
        ),
        pytest.param(
            [way("a", fails="no image"), way("b")],
            "b (a failed: no image)",
            id="one-that-looked-usable-and-broke",
        ),
        pytest.param([way("a", refuses="no a")], "none (no a)", id="none-at-all"),
    ],
)
def test_the_first_way_that_leads_to_a_broker_is_taken(
    ways: list[choice.Way[Broker]], says: str
) -> None:
    """What is passed over is named with its reason."""
    assert str(choice.take(ways)) == says


def test_the_environment_names_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its variable the outside broker is not usable, with it it is."""
    monkeypatch.delenv(outside.VARIABLE, raising=False)
    assert outside.usable() == "KAFKA_BOOTSTRAP_SERVERS is not set"

    monkeypatch.setenv(outside.VARIABLE, "kafka.example:9092")

    assert outside.usable() is None


def test_a_property_becomes_a_variable_of_the_image() -> None:
    """Docker's node has the JVM node's settings, under the image's names."""
    nodes = [Node(number=n, controller=f"kafka-{n}:19093") for n in (1, 2, 3)]

    variables = environment(nodes[1], nodes=nodes, port=20_001)

    for key, value in node_properties(nodes[1], nodes=nodes).items():
        assert variables[f"KAFKA_{key.upper().replace('.', '_')}"] == value
    assert "CLIENTS://127.0.0.1:20001" in variables["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize(
    ("brokers", "copies", "in_sync"),
    [
        pytest.param(1, "1", "1", id="one-keeps-one"),
        pytest.param(3, "3", "2", id="three-may-lose-one"),
    ],
)
def test_copies_follow_the_number_of_brokers(
    brokers: int, copies: str, in_sync: str
) -> None:
    """A record is on each broker, and acknowledged when all but one have it."""
    nodes = [Node(number=n + 1, controller=f"h:{n}") for n in range(brokers)]

    properties = node_properties(nodes[0], nodes=nodes)

    assert properties["offsets.topic.replication.factor"] == copies
    assert properties["min.insync.replicas"] == in_sync


def test_ports_are_different_and_below_the_ephemeral_range() -> None:
    """A client's own port can never be the port of a broker that is down."""
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert all(1024 < port < 32_768 for port in ports)
