"""Kafka broker inside this process, for the demo: librdkafka's mock cluster.

Measured with aiokafka 0.14.0 against confluent-kafka 2.16.1:

Works: produce (acks=all, idempotent, gzip, a committed transaction, 4 MB records),
consume by group, commit, read back committed offsets, `end_offsets`,
`beginning_offsets`, `read_committed` over records outside transactions (aborted ones
were not tried). A topic exists as soon as a client asks for its metadata, with
`PARTITIONS_PER_TOPIC` partitions.

Does not work:

- **Several members in one group.** A follower whose SyncGroup comes after the
  leader's gets InvalidRequest: in one process in 18 of 18 tries, while the one try
  with two processes went well. So the demo runs one worker, one consumer a group.
- **Quick joins.** The first member of a new group waits 3 s, a rejoin 9 s.
- **Retention.** A partition keeps its newest 5 MB or so; topics are not compacted, and
  all data is gone after `close`. A changelog larger than that does not recover.
- **Records of 5 MB and more.** The broker acknowledges such a record. From then on a
  reader that starts at the partition's beginning gets no records at all.
- **Admin.** There is no controller: CreateTopics times out, topics have no settings.
- **Time.** `offsets_for_times` returns no offset.
"""

import logging
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

PARTITIONS_PER_TOPIC = 4
"""librdkafka's `mock` default, which no client setting can change."""

_TIMEOUT_S = 10.0

_silent_logger = logging.getLogger("agents.shared.embedded_broker.librdkafka")
_silent_logger.addHandler(logging.NullHandler())
_silent_logger.propagate = False


class EmbeddedBroker:
    """Single broker on a free port of 127.0.0.1, from `start` to `close`."""

    def __init__(self) -> None:
        self._producer: Producer | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; empty before `start`."""
        return self._bootstrap

    def start(self) -> None:
        """Open the broker's socket."""
        settings: dict[str, str | int | float | bool] = {"test.mock.num.brokers": 1}
        self._producer = Producer(settings, logger=_silent_logger)
        brokers = self._producer.list_topics(timeout=_TIMEOUT_S).brokers.values()
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def create_topics(self, *names: str) -> None:
        """Create topics of `PARTITIONS_PER_TOPIC` partitions by asking for metadata."""
        if self._producer is None:
            raise RuntimeError("the embedded broker is not started: call start() first")
        for name in names:
            self._producer.list_topics(name, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Close the socket and drop all topics."""
        self._producer = None
        self._bootstrap = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
