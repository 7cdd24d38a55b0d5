"""Source records read again by where they lie, on a real Kafka."""

import pytest
from confluent_kafka import Producer, TopicPartition

from agents import reading
from agents.engine.kafka import KafkaAccess
from agents.reading import Gone, read_places
from streams.events.origin import Origin
from tests.brokers.face import Broker, admin

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MANY = 300


def _filled(broker: Broker, topic: str) -> None:
    """Two partitions; a value says where it lies."""
    broker.create_topics(topic, partitions=2)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(MANY):
        for partition in (0, 1):
            value = f"{partition}/{number}".encode()
            producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def _read(broker: Broker, wanted: list[Origin]) -> dict[Origin, str]:
    access = KafkaAccess(bootstrap=broker.bootstrap)
    return {
        origin: (message.value() or b"").decode()
        for origin, message in read_places(access, wanted)
        if not isinstance(message, Gone)
    }


def _at(topic: str, partition: int, *offsets: int) -> list[Origin]:
    return [Origin(topic=topic, partition=partition, offset=one) for one in offsets]


@pytest.mark.parametrize(
    "near", [pytest.param(20_000, id="read-over"), pytest.param(50, id="jumped-over")]
)
def test_records_are_found_where_they_lie(
    durable_kafka: Broker,
    topic_prefix: str,
    near: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first, the last and some between, of either partition, in any order."""
    topic = f"{topic_prefix}source"
    _filled(durable_kafka, topic)
    monkeypatch.setattr(reading, "READ_ON", near)
    wanted = [*_at(topic, 1, 299, 0, 150, 151), *_at(topic, 0, 7)]

    found = _read(durable_kafka, wanted)

    assert found == {one: f"{one.partition}/{one.offset}" for one in wanted}


def test_what_kafka_has_no_more_is_left_out(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Deleted, not there yet, of a partition or a topic that never was."""
    topic = f"{topic_prefix}source"
    _filled(durable_kafka, topic)
    client = admin(durable_kafka.bootstrap)
    [done] = client.delete_records([TopicPartition(topic, 0, 100)]).values()
    done.result(30)
    kept = _at(topic, 0, 100, 299)

    found = _read(
        durable_kafka,
        [
            *kept,
            *_at(topic, 0, 5, 99, MANY, MANY + 7),
            *_at(topic, 9, 0),
            *_at(f"{topic_prefix}never", 0, 0),
        ],
    )

    assert found.keys() == set(kept)
