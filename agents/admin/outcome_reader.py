"""How the records of one replay end, read from the outcomes topic."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from agents.admin.topic_reader import translate_kafka_errors
from agents.engine.kafka import KafkaAccess
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.errors import ConfigError
from streams.events.origin import Origin

TIMEOUT_S = 30.0
CONSUME_RECORDS = 5_000
POLL_S = 0.5

OutcomeCode = tuple[str, str]
"""Verdict, and the code of its reason."""


class OutcomeReader:
    """Follows the outcomes from now on; make it before anything is sent.

    Args:
        kafka: Where Kafka is.
        topic: The outcomes topic.
        replay: Names the replay.
        create_consumer: Gives what reads there.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        replay: str,
        create_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._replay = replay
        self._consumer = create_consumer(
            kafka.librdkafka_options()
            | {"group.id": "klaviyo-streams.reading", "enable.auto.commit": False}
        )
        try:
            with translate_kafka_errors():
                self._consumer.assign(self._end_positions(topic))
        except ConfigError:
            self._consumer.close()
            raise

    def _end_positions(self, topic: str) -> list[TopicPartition]:
        topic_metadata = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics[
            topic
        ]
        if topic_metadata.error is not None or not topic_metadata.partitions:
            raise ConfigError([f"topic {topic}: not there; has a worker run yet?"])
        topic_partitions = [
            TopicPartition(topic, number) for number in topic_metadata.partitions
        ]
        for topic_partition in topic_partitions:
            get_watermarks = self._consumer.get_watermark_offsets
            topic_partition.offset = get_watermarks(topic_partition, timeout=TIMEOUT_S)[
                1
            ]
        return topic_partitions

    def wait_for(
        self, origins: Iterable[Origin], *, report_count: Callable[[int], None]
    ) -> Counter[OutcomeCode]:
        """Return when each has ended, however long that takes; how they did.

        Args:
            origins: Of the records sent, with repetitions.
            report_count: Told how many have ended, now and then.
        """
        pending = Counter(origins)
        counts: Counter[OutcomeCode] = Counter()
        while pending:
            for item in self.read_new(wait_s=POLL_S):
                if pending[item.origin] > 0:
                    pending[item.origin] -= 1
                    counts[item.verdict, item.reason.partition(":")[0]] += 1
            pending = +pending
            report_count(counts.total())
        return counts

    def read_new(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """Give what has ended since, of this replay."""
        messages = self._consumer.consume(CONSUME_RECORDS, timeout=wait_s)
        return [
            item
            for message in messages
            if message.error() is None and (value := message.value()) is not None
            for item in outcome.decode_outcome(value).items
            if item.replay == self._replay
        ]

    def close(self) -> None:
        """Let go."""
        self._consumer.close()
