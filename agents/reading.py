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
POLLS = 150
RECORDS = 10_000

_PASSES = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""What a topic that was made a moment ago may answer."""

READ_ON = 1_000
"""Records that are quicker read over than sought past."""


class Gone(StrEnum):
    """Why there is no record at a place."""

    EXPIRED = "expired"
    """Kafka has deleted it."""

    MISSING = "missing"
    """Nothing lies there: compacted away, or the topic is another one now."""


Found = tuple[Origin, Message | Gone]
"""A place, and what lies there."""

Connect = Callable[[dict[str, Any]], Consumer]
"""Gives a consumer with these options."""

ReadPlaces = Callable[[Iterable[Origin]], Iterator[Found]]


def read_whole(kafka: KafkaAccess, topic: str) -> Iterator[Message]:
    """Every record there is now, in order within its partition.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    with _consumer(kafka) as consumer:
        bounds = {p: _bounds(consumer, topic, p) for p in _partitions(consumer, topic)}
        ends = {
            partition: end for partition, (first, end) in bounds.items() if end > first
        }
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
        while ends:
            for message in _consumed(consumer, RECORDS):
                partition, offset = _place_of(message)
                is_end = message.error() is not None
                if not is_end:
                    yield message
                if is_end or offset + 1 >= ends.get(partition, 0):
                    ends.pop(partition, None)


def read_places(
    kafka: KafkaAccess, places: Iterable[Origin], *, connect: Connect = Consumer
) -> Iterator[Found]:
    """The record at each place, or why there is none; in the order of the places.

    Args:
        kafka: Where they are.
        places: Of any topics.
        connect: Gives what reads there.

    Raises:
        ConfigError: Kafka is not there, or does not let a topic be read.
    """
    with place_reader(kafka, connect=connect) as read:
        yield from read(places)


@contextmanager
def place_reader(
    kafka: KafkaAccess, *, connect: Connect = Consumer
) -> Iterator[ReadPlaces]:
    """Give a `read_places` that opens its connections once, however often it is called.

    Raises:
        ConfigError: Kafka is not there, or does not let a topic be read.
    """
    with _consumer(kafka, connect) as consumer:
        yield partial(_at_places, consumer)


def _at_places(consumer: Consumer, places: Iterable[Origin]) -> Iterator[Found]:
    for (topic, partition), group in groupby(
        sorted(set(places)), key=lambda place: (place.topic, place.partition)
    ):
        if partition not in _partitions(consumer, topic, must_be=False):
            yield from ((place, Gone.MISSING) for place in group)
        else:
            yield from _of_partition(consumer, topic, partition, group)


def _of_partition(
    consumer: Consumer, topic: str, partition: int, places: Iterable[Origin]
) -> Iterator[Found]:
    first, end = _bounds(consumer, topic, partition)
    last: Message | None = None
    for place in places:
        if place.offset < first:
            yield place, Gone.EXPIRED
            continue
        if place.offset >= end:
            yield place, Gone.MISSING
            continue
        at = _place_of(last)[1] if last else None
        if at is None or place.offset - at > READ_ON:
            consumer.assign([TopicPartition(topic, partition, place.offset)])
            at = -1
        if at < place.offset:
            last = _read_up_to(consumer, place.offset)
        is_there = last is not None and _place_of(last)[1] == place.offset
        yield place, last if last and is_there else Gone.MISSING


def _read_up_to(consumer: Consumer, offset: int) -> Message | None:
    """The first record at an offset or behind it; None at the partition's end."""
    while True:
        [message] = _consumed(consumer, 1)
        if message.error() is not None:
            return None
        if _place_of(message)[1] >= offset:
            return message


def _consumed(consumer: Consumer, count: int) -> list[Message]:
    """Records, and errors that say a partition is at its end; never none.

    Raises:
        ConfigError: Kafka says nothing more, or another error.
    """
    for _ in range(POLLS):
        if messages := consumer.consume(count, timeout=POLL_S):
            break
    else:
        raise ConfigError(["kafka_bootstrap_servers: no answer; is Kafka there?"])
    for message in messages:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"])
    return messages


def _partitions(consumer: Consumer, topic: str, *, must_be: bool = True) -> list[int]:
    found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    error = found.error
    if error is not None and error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise ConfigError([f"topic {topic}: {error.name()}"])  # it may well be there
    is_there = error is None and bool(found.partitions)
    if not is_there and must_be:
        mistake = f"topic {topic}: not there; has a worker run yet?"
        raise ConfigError([f"{mistake} `klaviyo-streams topics` makes it"])
    return sorted(found.partitions) if is_there else []


def _bounds(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    place = TopicPartition(topic, partition)
    until_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        except KafkaException as refused:
            if refused.args[0].code() not in _PASSES or time.monotonic() > until_s:
                raise
            time.sleep(POLL_S)
        else:
            return first, end


def _place_of(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None  # noqa: S101 - no error is left that has none
    assert offset is not None  # noqa: S101 - the same
    return partition, offset


@contextmanager
def _consumer(kafka: KafkaAccess, connect: Connect = Consumer) -> Iterator[Consumer]:
    consumer = connect(
        kafka.librdkafka()
        | {
            "group.id": "klaviyo-streams.reading",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,  # or each partition's end is half a second away
        }
    )
    try:
        with kafka_told():
            yield consumer
    finally:
        consumer.close()


@contextmanager
def kafka_told() -> Iterator[None]:
    """Let what Kafka refuses be told in words.

    Raises:
        ConfigError: Instead of a KafkaException.
    """
    try:
        yield
    except KafkaException as refused:
        error = refused.args[0]
        raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"]) from None
