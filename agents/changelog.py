"""Compacted topics read from outside a worker, to their end."""

import time
from collections.abc import Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from agents.engine.kafka import KafkaAccess
from streams.audiences.row import Memberships, decode_row, merge
from streams.errors import ConfigError

TIMEOUT_S = 30.0
RECORDS = 10_000
POLL_S = 0.2

_PASSES = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""What a topic that was made a moment ago may answer."""


def read_rows(kafka: KafkaAccess, topic: str) -> dict[str, Memberships]:
    """Every user's row as the changelog has it now.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    rows: dict[str, Memberships] = {}
    for key, value in _read_whole(kafka, topic):
        if key is not None and value is not None:
            user = key.decode()
            rows[user] = merge(rows.get(user, {}), decode_row(value))
    return rows


def read_compacted(kafka: KafkaAccess, topic: str) -> dict[bytes, bytes]:
    """The last value of each key of a compacted topic; a key without one is gone.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    rows: dict[bytes, bytes] = {}
    for key, value in _read_whole(kafka, topic):
        if value is None:
            rows.pop(key or b"", None)
        else:
            rows[key or b""] = value
    return rows


def _read_whole(
    kafka: KafkaAccess, topic: str
) -> Iterator[tuple[bytes | None, bytes | None]]:
    consumer = Consumer(
        kafka.librdkafka()
        | {"group.id": "klaviyo-streams.reading", "enable.auto.commit": False}
    )
    try:
        yield from _read(consumer, topic)
    except KafkaException as refused:
        error = refused.args[0]
        raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"]) from None
    finally:
        consumer.close()


def _read(
    consumer: Consumer, topic: str
) -> Iterator[tuple[bytes | None, bytes | None]]:
    found = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    if found.error is not None or not found.partitions:
        raise ConfigError([f"topic {topic}: not there; run: klaviyo-streams topics"])
    ends: dict[int, int] = {}
    for partition in found.partitions:
        first, end = _bounds(consumer, TopicPartition(topic, partition))
        if end > first:
            ends[partition] = end
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in ends])
    while ends:
        for message in consumer.consume(RECORDS, timeout=POLL_S):
            if message.error() is None:
                yield message.key(), message.value()
        for spot in consumer.position([TopicPartition(topic, p) for p in ends]):
            if spot.offset >= ends[spot.partition]:
                del ends[spot.partition]


def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    until_s = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        except KafkaException as refused:
            passes = refused.args[0].code() in _PASSES
            if not passes or time.monotonic() > until_s:
                raise
            time.sleep(POLL_S)
