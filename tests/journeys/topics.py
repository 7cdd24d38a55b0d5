"""Readers of the pipeline's topics: outcomes, dead letters, lag, members."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.events.canonical_event import Origin
from tests.brokers.interface import group_members

_ASK_S = 30.0
_RECORDS = 5_000
_SILENCE_S = 15.0
_LISTED_S = 240.0
_POLL_S = 0.05


class TimedOutcome(NamedTuple):
    """Outcome of one source record, with its time."""

    stage: str
    action: str
    item: OutcomeItem


class DeadLetterRow(NamedTuple):
    """Dead letter with its headers by name."""

    headers: dict[str, str]
    key: bytes | None
    value: bytes | None


def await_partitions(consumer: Consumer, topic: str) -> list[int]:
    """Return the partitions of a topic once the broker lists them.

    A broker answers for a moment without those of a topic that was just created.

    Raises:
        TimeoutError: The broker does not list them in time.
    """
    deadline_s = time.monotonic() + _LISTED_S
    while time.monotonic() < deadline_s:
        metadata = consumer.list_topics(topic, timeout=_ASK_S).topics[topic]
        if metadata.partitions and metadata.error is None:
            return sorted(metadata.partitions)
        time.sleep(_POLL_S)
    raise TimeoutError(f"{topic}: the broker lists no partitions")


class Tail:
    """Reader that continues a topic from its last position.

    Where nothing came for a while it connects anew. Beside a killed broker journeys
    stood still while their workers were quiet; that this consumer did is a guess.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._connect()
        self._next = dict.fromkeys(await_partitions(self._consumer, topic), 0)
        self._assign()

    def read(self, *, wait_s: float = 0.2) -> list[Any]:
        """Return the records since the last call."""
        messages: list[Any] = self._consumer.consume(_RECORDS, wait_s)
        came = [message for message in messages if message.error() is None]
        for message in came:
            self._next[message.partition()] = message.offset() + 1
        if came:
            self._received_at_s = time.monotonic()
        elif time.monotonic() - self._received_at_s > _SILENCE_S:
            self.close()
            self._connect()
            self._assign()
        return came

    def close(self) -> None:
        """Close the consumer of the topic."""
        self._consumer.close()

    def _connect(self) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "tail",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 16_000_000,
            }
        )

    def _assign(self) -> None:
        positions = [TopicPartition(self._topic, n, at) for n, at in self._next.items()]
        self._consumer.assign(positions)
        self._received_at_s = time.monotonic()


class Outcomes:
    """Every outcome, by source record."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._tail = Tail(bootstrap, topic)
        self.of: defaultdict[Origin, list[TimedOutcome]] = defaultdict(list)

    def read(self) -> set[Origin]:
        """Take in what came since; return the source records that it is about."""
        origins = set[Origin]()
        for message in self._tail.read():
            record = outcome.decode_outcome(message.value())
            for item in record.items:
                origins.add(item.origin)
                self.of[item.origin].append(
                    TimedOutcome(record.stage, record.action, item)
                )
        return origins

    def missing(self, origins: Iterable[Origin]) -> int:
        """Count the origins without an outcome."""
        return sum(origin not in self.of for origin in origins)

    def counts(self) -> Counter[tuple[str, str, str, str]]:
        """Count outcomes by stage, action, verdict and reason code."""
        return Counter(
            (stage, action, str(item.verdict), item.reason.partition(":")[0])
            for record in self.of.values()
            for stage, action, item in record
        )

    def close(self) -> None:
        """Close the consumer of the topic."""
        self._tail.close()


def read_dead_letters(tail: Tail) -> list[DeadLetterRow]:
    """Dead letters that came since."""
    return [
        DeadLetterRow(
            {name: value.decode() for name, value in message.headers() or []},
            message.key(),
            message.value(),
        )
        for message in tail.read()
    ]


class Group:
    """Consumer group of one worker stage.

    Args:
        client: Any number of groups share it.
        bootstrap: Addresses of the brokers.
        name: Group id.
        topics: Topics that the group reads.
    """

    def __init__(
        self, client: AdminClient, bootstrap: str, name: str, topics: Iterable[str]
    ) -> None:
        self.name = name
        self._bootstrap = bootstrap
        self._admin = client
        self._consumer = self._connected()
        self._partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in await_partitions(self._consumer, topic)
        ]

    @property
    def lag(self) -> int:
        """Records that are not committed.

        Raises:
            KafkaException: Kafka does not answer now; the next time is asked anew.
        """
        try:
            committed = self._consumer.committed(self._partitions, timeout=_ASK_S)
            ends = self._end_offsets()
        except KafkaException:
            self._consumer.close()
            self._consumer = self._connected()
            raise
        done = [max(position.offset, 0) for position in committed]
        return sum(ends) - sum(done)

    def _end_offsets(self) -> list[int]:
        """Return the end of each partition, by one request for all of them."""
        ends = self._consumer.offsets_for_times(
            [
                TopicPartition(p.topic, p.partition, OFFSET_END)
                for p in self._partitions
            ],
            timeout=_ASK_S,
        )
        for position in ends:
            if position.error is not None:
                raise KafkaException(position.error)
        return [position.offset for position in ends]

    @property
    def committed_partitions(self) -> int:
        """Number of partitions with a committed offset."""
        committed = self._consumer.committed(self._partitions, timeout=_ASK_S)
        return sum(position.offset >= 0 for position in committed)

    @property
    def members(self) -> frozenset[str]:
        """Ids of its members; empty while it rebalances or its broker settles."""
        try:
            found = group_members(self._admin, self.name)
        except KafkaException:
            return frozenset()
        return found.ids if found.is_stable else frozenset()

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._consumer.close()

    def _connected(self) -> Consumer:
        return Consumer({"bootstrap.servers": self._bootstrap, "group.id": self.name})
