"""Reader of the outcomes topic that follows a replay."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import Consumer

from agents.admin.topic_reader import FOLLOW, ConsumerFactory, TopicReader, is_end
from agents.engine.kafka import KafkaAccess
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.errors import ConfigError
from streams.events.canonical_event import Origin

OUTCOME_RECORDS: Final = 5_000
WAIT_S: Final = 0.5

OutcomeCode = tuple[str, str]
"""Verdict, and the code of the reason."""


class OutcomeReader:
    """Reader of the outcomes that a replay gets from now on.

    Create the reader before any record is published: earlier outcomes are not read.

    Args:
        kafka: Broker addresses and credentials.
        topic: The outcomes topic.
        replay: Id of the replay.
        create_consumer: Creates the consumer.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        replay: str,
        create_consumer: ConsumerFactory = Consumer,
    ) -> None:
        self._replay = replay
        self._reader = TopicReader(
            kafka, options=FOLLOW, create_consumer=create_consumer
        )
        try:
            partitions = self._reader.partitions(topic)
            ends = {p: self._reader.watermarks(topic, p)[1] for p in partitions}
            self._reader.assign(topic, ends)
        except ConfigError:
            self._reader.close()
            raise

    def wait_for(
        self, origins: Iterable[Origin], *, report_count: Callable[[int], None]
    ) -> Counter[OutcomeCode]:
        """Wait without limit until every record has an outcome, and count outcomes.

        Args:
            origins: Origin of each record sent, with repetitions.
            report_count: Receives the number of completed records from time to time.
        """
        pending = Counter(origins)
        counts: Counter[OutcomeCode] = Counter()
        while pending:
            for item in self.read_new(wait_s=WAIT_S):
                if pending[item.origin] > 0:
                    pending[item.origin] -= 1
                    counts[item.verdict, item.reason.partition(":")[0]] += 1
            pending = +pending
            report_count(counts.total())
        return counts

    def read_new(self, *, wait_s: float = 0.0) -> list[OutcomeItem]:
        """Return the replay's outcomes since the last call."""
        messages = self._reader.poll(OUTCOME_RECORDS, wait_s=wait_s, skip_errors=True)
        return [
            item
            for message in messages
            if not is_end(message) and (value := message.value()) is not None
            for item in outcome.decode_outcome(value).items
            if item.replay == self._replay
        ]

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._reader.close()
