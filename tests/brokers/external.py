"""A broker somebody else runs: KAFKA_BOOTSTRAP_SERVERS."""

import os
from collections.abc import Mapping

from tests.brokers import interface

BOOTSTRAP_VARIABLE = "KAFKA_BOOTSTRAP_SERVERS"


def unavailable_reason() -> str | None:
    """Why it cannot be taken, or None."""
    return (
        None
        if os.environ.get(BOOTSTRAP_VARIABLE)
        else f"{BOOTSTRAP_VARIABLE} is not set"
    )


class ExternalKafka:
    """The broker the environment names; tests leave it running."""

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
        """Create topics; how many copies is the cluster's default unless said."""
        interface.create_topics(
            self.bootstrap,
            names,
            partitions=partitions,
            replicas=replicas or -1,
            config=config or {},
        )

    def close(self) -> None:
        """Leave it as it is: it is not ours."""
