"""What a test reads of the journey's topics: outcomes, dead letters, lag, members."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.events.origin import Origin
from tests.brokers.face import admin, members

_ASK_S = 30.0
_RECORDS = 5_000


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
    """One topic, read on from where it was left."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "tail",
                "enable.auto.commit": False,
                "fetch.message.max.bytes": 16_000_000,
            }
        )
        found = self._consumer.list_topics(topic, timeout=_ASK_S).topics[topic]
        places = [TopicPartition(topic, number, 0) for number in found.partitions]
        self._consumer.assign(places)

    def read(self, *, wait_s: float = 0.2) -> list[Any]:
        """What came since."""
        messages = self._consumer.consume(_RECORDS, wait_s)
        return [message for message in messages if message.error() is None]

    def close(self) -> None:
        """Let go."""
        self._consumer.close()


class Outcomes:
    """Every outcome, by source record."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._tail = Tail(bootstrap, topic)
        self.of: defaultdict[Origin, list[Told]] = defaultdict(list)

    def read(self) -> None:
        """Take in what came since."""
        for message in self._tail.read():
            told = outcome.decode(message.value())
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
        self._admin = admin(bootstrap)
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name})
        self._places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._consumer.list_topics(topic).topics[topic].partitions
        ]

    @property
    def lag(self) -> int:
        """Records that are not committed."""
        ask = self._consumer.get_watermark_offsets
        committed = self._consumer.committed(self._places, timeout=_ASK_S)
        ends = [ask(place, timeout=_ASK_S)[1] for place in self._places]
        done = [max(place.offset, 0) for place in committed]
        return sum(ends) - sum(done)

    @property
    def members(self) -> frozenset[str]:
        """Ids of its members; empty while it rebalances or its broker settles."""
        try:
            found = members(self._admin, self.name)
        except KafkaException:
            return frozenset()
        return found.ids if found.stable else frozenset()

    def close(self) -> None:
        """Let go."""
        self._consumer.close()
