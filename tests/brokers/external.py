"""Kafka that somebody else runs, named by KAFKA_BOOTSTRAP_SERVERS."""

import os
from collections.abc import Mapping

from tests.brokers import interface

BOOTSTRAP_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"


def unavailable_reason() -> str | None:
    """Return the reason why the external Kafka is unavailable, or None."""
    return (
        None
        if os.environ.get(BOOTSTRAP_VARIABLE)
        else f"{BOOTSTRAP_VARIABLE} is not set"
    )


class ExternalKafka:
    """Broker that the environment names; tests leave it running."""

    durable = True

    def __init__(self) -> None:
        self.bootstrap = os.environ[BOOTSTRAP_VARIABLE]
        self.name = f"the Kafka of {BOOTSTRAP_VARIABLE}"
        interface.await_brokers(self.bootstrap, count=1)

    def create_topics(
        self,
        *names: str,
        partitions: int = 1,
        replicas: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Create topics, replicated as the cluster does unless `replicas` is set."""
        interface.create_topics(
            self.bootstrap,
            names,
            partitions=partitions,
            replicas=replicas or -1,
            config=config or {},
        )

    def close(self) -> None:
        """Leave the external broker running."""
