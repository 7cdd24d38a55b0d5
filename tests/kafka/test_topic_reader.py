"""Reading single source records by offset, on a real Kafka."""

import pytest
from confluent_kafka import Producer, TopicPartition

from agents.admin import topic_reader
from agents.admin.topic_reader import MissingRecord, read_records
from agents.engine.kafka import KafkaAccess
from streams.events.canonical_event import Origin
from tests.brokers.interface import Broker, admin

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS = 300


def _fill_topic(broker: Broker, topic: str) -> None:
    """Fill two partitions; a value names its own position."""
    broker.create_topics(topic, partitions=2)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(RECORDS):
        for partition in (0, 1):
            value = f"{partition}/{number}".encode()
            producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def _read(broker: Broker, origins: list[Origin]) -> dict[Origin, str]:
    access = KafkaAccess(bootstrap=broker.bootstrap)
    return {
        origin: (message.value() or b"").decode()
        for origin, message in read_records(access, origins)
        if not isinstance(message, MissingRecord)
    }


def _origins(topic: str, partition: int, *offsets: int) -> list[Origin]:
    return [
        Origin(topic=topic, partition=partition, offset=offset) for offset in offsets
    ]


@pytest.mark.parametrize(
    "near", [pytest.param(20_000, id="read-over"), pytest.param(50, id="jumped-over")]
)
def test_records_are_found_where_they_lie(
    durable_kafka: Broker,
    topic_prefix: str,
    near: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First, last and middle records of either partition come in any order."""
    topic = f"{topic_prefix}source"
    _fill_topic(durable_kafka, topic)
    monkeypatch.setattr(topic_reader, "SEEK_THRESHOLD_RECORDS", near)
    origins = [*_origins(topic, 1, 299, 0, 150, 151), *_origins(topic, 0, 7)]

    values = _read(durable_kafka, origins)

    assert values == {
        origin: f"{origin.partition}/{origin.offset}" for origin in origins
    }


def test_what_kafka_has_no_more_is_left_out(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Records that were deleted or never existed are left out."""
    topic = f"{topic_prefix}source"
    _fill_topic(durable_kafka, topic)
    client = admin(durable_kafka.bootstrap)
    [deletion] = client.delete_records([TopicPartition(topic, 0, 100)]).values()
    deletion.result(30)
    existing = _origins(topic, 0, 100, 299)

    values = _read(
        durable_kafka,
        [
            *existing,
            *_origins(topic, 0, 5, 99, RECORDS, RECORDS + 7),
            *_origins(topic, 9, 0),
            *_origins(f"{topic_prefix}never", 0, 0),
        ],
    )

    assert values.keys() == set(existing)
