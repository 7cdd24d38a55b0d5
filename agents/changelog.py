"""Compacted topics read from outside a worker, to the end: the memberships table."""

from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from agents.engine.kafka import KafkaAccess
from streams.audiences.row import Memberships, decode_row, merge
from streams.errors import ConfigError

TIMEOUT_S = 30.0
RECORDS = 10_000

POLL_S = 0.2
"""So long it waits for so many; the end is looked at in between."""


def read_rows(kafka: KafkaAccess, topic: str) -> dict[str, Memberships]:
    """Every user's row as the changelog has it now.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    rows: dict[str, Memberships] = {}
    for key, value in _records(kafka, topic):
        if key is not None and value is not None:
            user = key.decode()
            rows[user] = merge(rows.get(user, {}), decode_row(value))
    return rows


def read_values(kafka: KafkaAccess, topic: str) -> dict[bytes, bytes]:
    """Give the last value of each key.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    values: dict[bytes, bytes] = {}
    for key, value in _records(kafka, topic):
        values.pop(key or b"", None)
        if value is not None:
            values[key or b""] = value
    return values


def _records(
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
        raise ConfigError([f"topic {topic}: not there; has a worker run yet?"])
    ends: dict[int, int] = {}
    for partition in found.partitions:
        first, end = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=TIMEOUT_S
        )
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
