"""The memberships table read from outside a worker: its changelog, to the end."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from agents.engine.kafka import KafkaAccess
from streams.audiences.row import Memberships, decode_row, merge
from streams.errors import ConfigError

TIMEOUT_S = 30.0
RECORDS = 10_000


def read_rows(kafka: KafkaAccess, topic: str) -> dict[str, Memberships]:
    """Every user's row as the changelog has it now.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    consumer = Consumer(
        kafka.librdkafka()
        | {"group.id": "klaviyo-streams.reading", "enable.auto.commit": False}
    )
    try:
        return _read(consumer, topic)
    except KafkaException as refused:
        error = refused.args[0]
        raise ConfigError([f"kafka_bootstrap_servers: {error.name()}"]) from None
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str) -> dict[str, Memberships]:
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
    rows: dict[str, Memberships] = {}
    while ends:
        for message in consumer.consume(RECORDS, timeout=1.0):
            if message.error() is None:
                _apply(rows, message.key(), message.value())
        for spot in consumer.position([TopicPartition(topic, p) for p in ends]):
            if spot.offset >= ends[spot.partition]:
                del ends[spot.partition]
    return rows


def _apply(
    rows: dict[str, Memberships], key: bytes | None, value: bytes | None
) -> None:
    if key is not None and value is not None:
        user = key.decode()
        rows[user] = merge(rows.get(user, {}), decode_row(value))
