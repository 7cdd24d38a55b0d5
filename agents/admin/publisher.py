"""Publisher of records for commands; the calls block."""

from collections.abc import Sequence

from confluent_kafka import KafkaException, Producer

from agents.admin.kafka_contact import command_options
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import PRODUCER_OPTIONS, Message
from streams.errors import ConfigError

PUBLISH_TIMEOUT_S = 60.0


class RecordPublisher:
    """Publisher of records that are durable when the call returns.

    Args:
        kafka: Broker addresses and credentials.
    """

    def __init__(self, kafka: KafkaAccess) -> None:
        self._producer = Producer(command_options(kafka) | PRODUCER_OPTIONS)
        self._errors: list[str] = []

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish records in order, and wait until Kafka has all records.

        Raises:
            ConfigError: Kafka does not accept a record, or does not answer.
        """
        for message in messages:
            self._append(message)
        if self._producer.flush(PUBLISH_TIMEOUT_S):
            self._errors.append("no answer")
        if self._errors:
            raise ConfigError([f"kafka: not written: {self._errors[0]}"])

    def partition_count(self, topic: str) -> int:
        """Return the number of partitions of a topic.

        Raises:
            ConfigError: Kafka does not answer, or the topic does not exist.
        """
        try:
            metadata = self._producer.list_topics(topic, PUBLISH_TIMEOUT_S)
        except KafkaException as error:
            raise ConfigError([f"kafka: {error.args[0].name()}"]) from None
        if partitions := len(metadata.topics[topic].partitions):
            return partitions
        raise ConfigError([f"kafka: topic {topic} does not exist"])

    def _append(self, message: Message) -> None:
        while True:
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    message.partition,
                    self._on_delivery,
                    headers=message.headers,
                )
            except BufferError:
                self._producer.poll(1.0)
            except KafkaException as error:
                self._errors.append(error.args[0].name())
                return
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, error: object, _: object) -> None:
        if error is not None:
            self._errors.append(str(error))
