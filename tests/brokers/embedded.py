"""Embedded broker of `make demo` behind the tests' interface; the last resort."""

from collections.abc import Mapping

import pytest

from agents.shared.embedded_broker import PARTITIONS_PER_TOPIC, EmbeddedBroker


class EmbeddedKafka:
    """librdkafka's mock cluster: the protocol, without durable data."""

    name = "the embedded librdkafka mock (not durable)"
    durable = False

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()
        self._broker.start()

    @property
    def bootstrap(self) -> str:
        """Address of the broker: `host:port`."""
        return self._broker.bootstrap

    def create_topics(
        self,
        *names: str,
        partitions: int = 1,
        replicas: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create topics; the mock gives each the same number of partitions."""
        del replicas, config  # it has neither
        if partitions > PARTITIONS_PER_TOPIC:
            pytest.skip(
                f"the embedded broker's topics have {PARTITIONS_PER_TOPIC} partitions"
            )
        self._broker.create_topics(*names)

    def close(self) -> None:
        """End the embedded broker."""
        self._broker.close()
