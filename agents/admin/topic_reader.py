"""Reader of Kafka topics for commands, outside any consumer group.

Everything that a command reads of a topic's log goes through `TopicReader`: a whole
topic, records at given offsets, a range of offsets, and records from now on.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from agents.admin.kafka_contact import (
    command_options,
    describe_kafka_error,
    translate_kafka_errors,
)
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.events.canonical_event import Origin
from streams.settings.acls import ADMIN_GROUP

TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.2
MAX_EMPTY_POLLS: Final = 150
CONSUME_RECORDS: Final = 10_000

AFTER_END: Final = 2**63 - 1
"""Offset for a time after the last record of a partition."""

FOLLOW: Final = {"fetch.wait.max.ms": 500}
"""Options for reading on at the end of a log: fewer fetches, and later answers."""

SEEK_THRESHOLD_RECORDS = 1_000
"""Reading over so many records is quicker than a seek."""

_TRANSIENT_ERRORS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""Errors that Kafka returns for a topic in the first moments after its creation."""


class MissingRecord(StrEnum):
    """Reason why an offset holds no record."""

    EXPIRED = "expired"
    """Kafka has deleted the record."""

    MISSING = "missing"
    """The record was compacted away, or the topic is a new one of the same name."""


RecordLookup = tuple[Origin, Message | MissingRecord]
"""An origin, and the record there or the reason why there is none."""

ConsumerFactory = Callable[[dict[str, Any]], Consumer]
"""Creates a consumer with librdkafka's options."""


class TopicReader:
    """Reader of records and offsets that commits no offset.

    Args:
        kafka: Broker addresses and credentials.
        group: Consumer group whose committed offsets can be read.
        options: More options of librdkafka.
        timeout_s: Longest time to wait for an answer about a topic or a group.
        create_consumer: Creates the consumer.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        *,
        group: str = ADMIN_GROUP,
        options: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
        create_consumer: ConsumerFactory = Consumer,
    ) -> None:
        self._group = group
        self._timeout_s = timeout_s
        self._consumer = create_consumer(
            command_options(kafka)
            | {
                "group.id": group,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                # Kafka answers for an empty partition only after this wait.
                "fetch.wait.max.ms": 50,
                **(options or {}),
            }
        )

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._consumer.close()

    def find_partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic; none if the topic does not exist.

        Raises:
            ConfigError: Kafka does not answer, or does not allow reading the topic.
        """
        with translate_kafka_errors():
            metadata = self._consumer.list_topics(topic, timeout=self._timeout_s)
        topic_metadata = metadata.topics[topic]
        error = topic_metadata.error
        if error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return []
        if error is not None:  # the topic may exist all the same
            raise ConfigError([f"topic {topic}: {describe_kafka_error(error)}"])
        return sorted(topic_metadata.partitions)

    def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic that must exist.

        Raises:
            ConfigError: Kafka does not answer, or the topic does not exist.
        """
        if not (partitions := self.find_partitions(topic)):
            fix = "`klaviyo-streams topics` creates the project's topics"
            raise ConfigError([f"topic {topic}: does not exist; {fix}"])
        return partitions

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition and the offset after the last record.

        Raises:
            ConfigError: Kafka does not answer.
        """
        deadline_s = time.monotonic() + self._timeout_s
        topic_partition = TopicPartition(topic, partition)
        with translate_kafka_errors():
            while True:
                try:
                    first, end = self._consumer.get_watermark_offsets(
                        topic_partition, timeout=self._timeout_s
                    )
                except KafkaException as failure:
                    is_transient = failure.args[0].code() in _TRANSIENT_ERRORS
                    if not is_transient or time.monotonic() > deadline_s:
                        raise
                    time.sleep(POLL_S)
                else:
                    return first, end

    def offsets_at(
        self, topic: str, partitions: Iterable[int], time_ms: int
    ) -> dict[int, int]:
        """Return the first offset of each partition written at a time or later.

        Returns:
            Partition → offset; `AFTER_END` if all records are older.

        Raises:
            ConfigError: Kafka does not answer for a partition.
        """
        with translate_kafka_errors():
            offsets = self._consumer.offsets_for_times(
                [TopicPartition(topic, number, time_ms) for number in partitions],
                timeout=self._timeout_s,
            )
        for offset_at_time in offsets:
            if (error := offset_at_time.error) is not None:
                subject = f"topic {topic}, partition {offset_at_time.partition}"
                raise ConfigError([f"{subject}: {error.name()}"])
        return {
            offset_at_time.partition: (
                offset_at_time.offset if offset_at_time.offset >= 0 else AFTER_END
            )
            for offset_at_time in offsets
        }

    def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """Return the offsets that the reader's group has committed, 0 for none.

        Raises:
            ConfigError: Kafka does not answer.
        """
        with translate_kafka_errors(f"group {self._group}"):
            offsets = self._consumer.committed(
                [TopicPartition(topic, number) for number in partitions],
                timeout=self._timeout_s,
            )
        return {offset.partition: max(offset.offset, 0) for offset in offsets}

    def assign(self, topic: str, positions: Mapping[int, int]) -> None:
        """Assign partitions to read, each from an offset, in place of all others."""
        with translate_kafka_errors():
            self._consumer.assign(
                [TopicPartition(topic, number, at) for number, at in positions.items()]
            )

    def unassign(self, topic: str, partition: int) -> None:
        """Stop reading a partition; the others go on without a new fetch."""
        with translate_kafka_errors():
            self._consumer.incremental_unassign([TopicPartition(topic, partition)])

    def poll(
        self, count: int, *, wait_s: float, skip_errors: bool = False
    ) -> list[Message]:
        """Return the next records, and a message for the end of each partition.

        Args:
            count: Largest number of messages.
            wait_s: Longest time to wait for the messages.
            skip_errors: Ignore errors that Kafka's client recovers from by retrying.

        Raises:
            ConfigError: Kafka reports an error, and errors are not skipped.
        """
        with translate_kafka_errors():
            messages = self._consumer.consume(count, wait_s)
            errors = [m.error() for m in messages if m.error() and not is_end(m)]
            if errors and not skip_errors:
                raise KafkaException(errors[0])
        return [m for m in messages if m.error() is None or is_end(m)]

    def read_all(self, topic: str) -> Iterator[Message]:
        """Yield every record that a topic has now, in order within a partition.

        Raises:
            ConfigError: Kafka does not answer, or the topic does not exist.
        """
        watermarks = {p: self.watermarks(topic, p) for p in self.partitions(topic)}
        ends = {p: end for p, (first, end) in watermarks.items() if end > first}
        self.assign(topic, dict.fromkeys(ends, OFFSET_BEGINNING))
        while ends:
            for message in _poll_some(self, CONSUME_RECORDS):
                partition, offset = partition_and_offset(message)
                if not is_end(message):
                    yield message
                if is_end(message) or offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)

    def read_at(self, origins: Iterable[Origin]) -> Iterator[RecordLookup]:
        """Yield the record at each origin, or the reason why there is none, in order.

        Raises:
            ConfigError: Kafka does not answer, or does not allow reading a topic.
        """
        for (topic, partition), partition_origins in groupby(
            sorted(set(origins)), key=lambda origin: (origin.topic, origin.partition)
        ):
            if partition in self.find_partitions(topic):
                yield from _read_in_partition(self, topic, partition, partition_origins)
            else:
                for origin in partition_origins:
                    yield origin, MissingRecord.MISSING


def read_topic(kafka: KafkaAccess, topic: str) -> Iterator[Message]:
    """Yield every record that a topic has now, in order within a partition.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """
    with closing(TopicReader(kafka)) as reader:
        yield from reader.read_all(topic)


def read_records(
    kafka: KafkaAccess,
    origins: Iterable[Origin],
    *,
    create_consumer: ConsumerFactory = Consumer,
) -> Iterator[RecordLookup]:
    """Yield the record at each origin, or the reason why there is none, in order.

    Args:
        kafka: Broker addresses and credentials.
        origins: Offsets in any topics.
        create_consumer: Creates the consumer.

    Raises:
        ConfigError: Kafka does not answer, or does not allow reading a topic.
    """
    with closing(TopicReader(kafka, create_consumer=create_consumer)) as reader:
        yield from reader.read_at(origins)


def _read_in_partition(
    reader: TopicReader, topic: str, partition: int, origins: Iterable[Origin]
) -> Iterator[RecordLookup]:
    first, end = reader.watermarks(topic, partition)
    message: Message | None = None
    for origin in origins:
        if origin.offset < first:
            yield origin, MissingRecord.EXPIRED
        elif origin.offset >= end:
            yield origin, MissingRecord.MISSING
        else:
            message = _read_from(reader, origin, message)
            is_there = message and partition_and_offset(message)[1] == origin.offset
            yield origin, message if message and is_there else MissingRecord.MISSING


def _read_from(
    reader: TopicReader, origin: Origin, last: Message | None
) -> Message | None:
    """Return the first record at or after an origin; None at the log's end."""
    last_offset = partition_and_offset(last)[1] if last else None
    if last_offset is None or origin.offset - last_offset > SEEK_THRESHOLD_RECORDS:
        reader.assign(origin.topic, {origin.partition: origin.offset})
    elif last_offset >= origin.offset:
        return last
    while True:
        [message] = _poll_some(reader, 1)
        if is_end(message):
            return None
        if partition_and_offset(message)[1] >= origin.offset:
            return message


def _poll_some(reader: TopicReader, count: int) -> list[Message]:
    """Return the next messages, never an empty list.

    Raises:
        ConfigError: Kafka reports an error, or sends nothing for 30 s.
    """
    for _ in range(MAX_EMPTY_POLLS):
        if messages := reader.poll(count, wait_s=POLL_S):
            return messages
    raise ConfigError(["kafka_bootstrap_servers: no answer; is Kafka there?"])


def is_end(message: Message) -> bool:
    """Return True for a message that reports the end of a partition."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name


def headers_of(message: Message) -> list[tuple[str, bytes]]:
    """Return the headers of a message; a null value is empty."""
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return [
        (name, value.encode() if isinstance(value, str) else value or b"")
        for name, value in pairs
    ]


def partition_and_offset(message: Message) -> tuple[int, int]:
    """Return the offset of a record or of a partition's end."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None  # noqa: S101 - only errors have none
    assert offset is not None  # noqa: S101 - only errors have none
    return partition, offset
