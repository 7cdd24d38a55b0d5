"""Topics read by commands: one to its end, or the records at given places."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from itertools import groupby
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.events.origin import Origin

TIMEOUT_S = 30.0
POLL_S = 0.2
MAX_EMPTY_POLLS = 150
CONSUME_RECORDS = 10_000

_TRANSIENT_ERRORS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""What a topic that was made a moment ago may answer."""

SEEK_THRESHOLD_RECORDS = 1_000
"""Records that are quicker read over than sought past."""


class MissingRecord(StrEnum):
    """Why there is no record at a place."""

    EXPIRED = "expired"
    """Kafka has deleted it."""

    MISSING = "missing"
    """Nothing lies there: compacted away, or the topic is another one now."""


RecordLookup = tuple[Origin, Message | MissingRecord]
"""A place, and what lies there."""

ConsumerFactory = Callable[[dict[str, Any]], Consumer]
"""Gives a consumer with these options."""

ReadRecords = Callable[[Iterable[Origin]], Iterator[RecordLookup]]


def read_topic(kafka: KafkaAccess, topic: str) -> Iterator[Message]:
    """Every record there is now, in order within its partition.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    with _open_consumer(kafka) as consumer:
        bounds = {
            p: _watermarks(consumer, topic, p) for p in _partitions(consumer, topic)
        }
        ends = {
            partition: end for partition, (first, end) in bounds.items() if end > first
        }
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
        while ends:
            for message in _consume(consumer, CONSUME_RECORDS):
                partition, offset = _partition_and_offset(message)
                is_end = message.error() is not None
                if not is_end:
                    yield message
                if is_end or offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)


def read_records(
    kafka: KafkaAccess,
    origins: Iterable[Origin],
    *,
    create_consumer: ConsumerFactory = Consumer,
) -> Iterator[RecordLookup]:
    """The record at each place, or why there is none; in the order of the places.

    Args:
        kafka: Where they are.
        origins: Of any topics.
        create_consumer: Gives what reads there.

    Raises:
        ConfigError: Kafka is not there, or does not let a topic be read.
    """
    with open_record_reader(kafka, create_consumer=create_consumer) as read_at:
        yield from read_at(origins)


@contextmanager
def open_record_reader(
    kafka: KafkaAccess, *, create_consumer: ConsumerFactory = Consumer
) -> Iterator[ReadRecords]:
    """Give a `read_places` that opens its connections once, however often it is called.

    Raises:
        ConfigError: Kafka is not there, or does not let a topic be read.
    """
    with _open_consumer(kafka, create_consumer) as consumer:
        yield partial(_read_at_origins, consumer)


def _read_at_origins(
    consumer: Consumer, origins: Iterable[Origin]
) -> Iterator[RecordLookup]:
    for (topic, partition), partition_origins in groupby(
        sorted(set(origins)), key=lambda origin: (origin.topic, origin.partition)
    ):
        if partition not in _partitions(consumer, topic, required=False):
            yield from ((origin, MissingRecord.MISSING) for origin in partition_origins)
        else:
            yield from _read_in_partition(consumer, topic, partition, partition_origins)


def _read_in_partition(
    consumer: Consumer, topic: str, partition: int, origins: Iterable[Origin]
) -> Iterator[RecordLookup]:
    first, end = _watermarks(consumer, topic, partition)
    last_message: Message | None = None
    for origin in origins:
        if origin.offset < first:
            yield origin, MissingRecord.EXPIRED
            continue
        if origin.offset >= end:
            yield origin, MissingRecord.MISSING
            continue
        last_offset = _partition_and_offset(last_message)[1] if last_message else None
        if last_offset is None or origin.offset - last_offset > SEEK_THRESHOLD_RECORDS:
            consumer.assign([TopicPartition(topic, partition, origin.offset)])
            last_offset = -1
        if last_offset < origin.offset:
            last_message = _read_from(consumer, origin.offset)
        is_present = (
            last_message is not None
            and _partition_and_offset(last_message)[1] == origin.offset
        )
        yield (
            origin,
            last_message if last_message and is_present else MissingRecord.MISSING,
        )


def _read_from(consumer: Consumer, offset: int) -> Message | None:
    """The first record at an offset or behind it; None at the partition's end."""
    while True:
        [message] = _consume(consumer, 1)
        if message.error() is not None:
            return None
        if _partition_and_offset(message)[1] >= offset:
            return message


def _consume(consumer: Consumer, count: int) -> list[Message]:
    """Records, and errors that say a partition is at its end; never none.

    Raises:
        ConfigError: Kafka says nothing more, or another error.
    """
    for _ in range(MAX_EMPTY_POLLS):
        if messages := consumer.consume(count, timeout=POLL_S):
            break
    else:
        raise ConfigError(["kafka_bootstrap_servers: no answer; is Kafka there?"])
    for message in messages:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"])
    return messages


def _partitions(consumer: Consumer, topic: str, *, required: bool = True) -> list[int]:
    topic_metadata = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    error = topic_metadata.error
    if error is not None and error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise ConfigError([f"topic {topic}: {error.name()}"])  # it may well be there
    exists = error is None and bool(topic_metadata.partitions)
    if not exists and required:
        problem = f"topic {topic}: not there; has a worker run yet?"
        raise ConfigError([f"{problem} `klaviyo-streams topics` makes it"])
    return sorted(topic_metadata.partitions) if exists else []


def _watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    topic_partition = TopicPartition(topic, partition)
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            first, end = consumer.get_watermark_offsets(
                topic_partition, timeout=TIMEOUT_S
            )
        except KafkaException as failure:
            if (
                failure.args[0].code() not in _TRANSIENT_ERRORS
                or time.monotonic() > deadline_s
            ):
                raise
            time.sleep(POLL_S)
        else:
            return first, end


def _partition_and_offset(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None  # noqa: S101 - no error is left that has none
    assert offset is not None  # noqa: S101 - the same
    return partition, offset


@contextmanager
def _open_consumer(
    kafka: KafkaAccess, create_consumer: ConsumerFactory = Consumer
) -> Iterator[Consumer]:
    consumer = create_consumer(
        kafka.librdkafka_options()
        | {
            "group.id": "klaviyo-streams.reading",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,  # or each partition's end is half a second away
        }
    )
    try:
        with translate_kafka_errors():
            yield consumer
    finally:
        consumer.close()


@contextmanager
def translate_kafka_errors() -> Iterator[None]:
    """Let what Kafka refuses be told in words.

    Raises:
        ConfigError: Instead of a KafkaException.
    """
    try:
        yield
    except KafkaException as failure:
        error = failure.args[0]
        raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"]) from None
