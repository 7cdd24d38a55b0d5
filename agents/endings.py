"""How the records of one replay end, read from the outcomes topic."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from agents.engine.kafka import KafkaAccess
from agents.reading import kafka_told
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.errors import ConfigError
from streams.events.origin import Origin

TIMEOUT_S = 30.0
RECORDS = 5_000
POLL_S = 0.5

Ending = tuple[str, str]
"""Verdict, and the code of its reason."""


class Endings:
    """Follows the outcomes from now on; make it before anything is sent.

    Args:
        kafka: Where Kafka is.
        topic: The outcomes topic.
        replay: Names the replay.
        connect: Gives what reads there.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        replay: str,
        connect: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._replay = replay
        self._consumer = connect(
            kafka.librdkafka()
            | {"group.id": "klaviyo-streams.reading", "enable.auto.commit": False}
        )
        try:
            with kafka_told():
                self._consumer.assign(self._ends(topic))
        except ConfigError:
            self._consumer.close()
            raise

    def _ends(self, topic: str) -> list[TopicPartition]:
        found = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        if found.error is not None or not found.partitions:
            raise ConfigError([f"topic {topic}: not there; has a worker run yet?"])
        places = [TopicPartition(topic, number) for number in found.partitions]
        for place in places:
            ask = self._consumer.get_watermark_offsets
            place.offset = ask(place, timeout=TIMEOUT_S)[1]
        return places

    def wait(
        self, origins: Iterable[Origin], *, progress: Callable[[int], None]
    ) -> Counter[Ending]:
        """Return when each has ended, however long that takes; how they did.

        Args:
            origins: Of the records sent, with repetitions.
            progress: Told how many have ended, now and then.
        """
        left = Counter(origins)
        ended: Counter[Ending] = Counter()
        while left:
            for item in self.read(wait_s=POLL_S):
                if left[item.origin] > 0:
                    left[item.origin] -= 1
                    ended[item.verdict, item.reason.partition(":")[0]] += 1
            left = +left
            progress(ended.total())
        return ended

    def read(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """Give what has ended since, of this replay."""
        messages = self._consumer.consume(RECORDS, timeout=wait_s)
        return [
            item
            for message in messages
            if message.error() is None and (value := message.value()) is not None
            for item in outcome.decode(value).items
            if item.replay == self._replay
        ]

    def close(self) -> None:
        """Let go."""
        self._consumer.close()
