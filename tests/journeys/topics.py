"""What a test reads of the journey's topics: outcomes, dead letters, lag, members."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.events.origin import Origin
from tests.brokers.interface import admin, group_members

_ASK_S = 30.0
_RECORDS = 5_000
_SILENCE_S = 15.0


class Told(NamedTuple):
    """One outcome of one source record."""

    stage: str
    action: str
    item: OutcomeItem


class Letter(NamedTuple):
    """One dead letter, its headers by name."""

    headers: dict[str, str]
    key: bytes | None
    value: bytes | None


class Tail:
    """One topic, read on from where it was left.

    Where nothing came for a while it connects anew. Beside a killed broker journeys
    stood still while their workers were quiet; that this consumer did is a guess.
    """

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._connect()
        found = self._consumer.list_topics(topic, timeout=240.0).topics[topic]
        self._next = dict.fromkeys(found.partitions, 0)
        self._assign()

    def read(self, *, wait_s: float = 0.2) -> list[Any]:
        """What came since."""
        messages: list[Any] = self._consumer.consume(_RECORDS, wait_s)
        came = [message for message in messages if message.error() is None]
        for message in came:
            self._next[message.partition()] = message.offset() + 1
        if came:
            self._heard_at_s = time.monotonic()
        elif time.monotonic() - self._heard_at_s > _SILENCE_S:
            self.close()
            self._connect()
            self._assign()
        return came

    def close(self) -> None:
        """Let go."""
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
        places = [TopicPartition(self._topic, n, at) for n, at in self._next.items()]
        self._consumer.assign(places)
        self._heard_at_s = time.monotonic()


class Outcomes:
    """Every outcome, by source record."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._tail = Tail(bootstrap, topic)
        self.of: defaultdict[Origin, list[Told]] = defaultdict(list)

    def read(self) -> None:
        """Take in what came since."""
        for message in self._tail.read():
            told = outcome.decode_outcome(message.value())
            for item in told.items:
                self.of[item.origin].append(Told(told.stage, told.action, item))

    def missing(self, origins: Iterable[Origin]) -> int:
        """How many of these have none."""
        return sum(origin not in self.of for origin in origins)

    def counts(self) -> Counter[tuple[str, str, str, str]]:
        """How many, by stage, action, verdict and code of the reason."""
        return Counter(
            (stage, action, str(item.verdict), item.reason.partition(":")[0])
            for told in self.of.values()
            for stage, action, item in told
        )

    def close(self) -> None:
        """Let go."""
        self._tail.close()


def letters(tail: Tail) -> list[Letter]:
    """Dead letters that came since."""
    return [
        Letter(
            {name: value.decode() for name, value in message.headers() or []},
            message.key(),
            message.value(),
        )
        for message in tail.read()
    ]


class Group:
    """One consumer group of the worker."""

    def __init__(self, bootstrap: str, name: str, topics: Iterable[str]) -> None:
        self.name = name
        self._bootstrap = bootstrap
        self._admin = admin(bootstrap)
        self._consumer = self._connected()
        self._places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._consumer.list_topics(topic).topics[topic].partitions
        ]

    @property
    def lag(self) -> int:
        """Records that are not committed.

        Raises:
            KafkaException: Kafka does not answer now; the next time is asked anew.
        """
        ask = self._consumer.get_watermark_offsets
        try:
            committed = self._consumer.committed(self._places, timeout=_ASK_S)
            ends = [ask(place, timeout=_ASK_S)[1] for place in self._places]
        except KafkaException:
            self._consumer.close()
            self._consumer = self._connected()
            raise
        done = [max(place.offset, 0) for place in committed]
        return sum(ends) - sum(done)

    @property
    def members(self) -> frozenset[str]:
        """Ids of its members; empty while it rebalances or its broker settles."""
        try:
            found = group_members(self._admin, self.name)
        except KafkaException:
            return frozenset()
        return found.ids if found.is_stable else frozenset()

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def _connected(self) -> Consumer:
        return Consumer({"bootstrap.servers": self._bootstrap, "group.id": self.name})
