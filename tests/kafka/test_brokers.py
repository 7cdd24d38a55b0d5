"""Behaviour of the brokers that the other Kafka tests rely on."""

import uuid

import pytest
from confluent_kafka import Consumer, Producer

from tests.brokers.interface import Broker, Stoppable

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_WAIT_S = 240.0


def _produce(broker: Broker, topic: str, values: list[bytes]) -> None:
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "message.max.bytes": 12_000_000}
    )
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(_WAIT_S) == 0


def _read(broker: Broker, topic: str, *, count: int) -> list[bytes | None]:
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.subscribe([topic])
        return [record.value() for record in consumer.consume(count, _WAIT_S)]
    finally:
        consumer.close()


def test_a_record_comes_back(kafka: Broker, topic_prefix: str) -> None:
    """Records produced to the shared broker are consumed by a group."""
    topic = f"{topic_prefix}t"
    kafka.create_topics(topic)

    _produce(kafka, topic, [b"1", b"2"])

    assert _read(kafka, topic, count=2) == [b"1", b"2"]


def test_ten_megabytes_pass(durable_kafka: Broker, topic_prefix: str) -> None:
    """The largest record of the malformed-input cases fits."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic)
    huge = bytes(10 * 1024 * 1024)

    _produce(durable_kafka, topic, [huge])

    assert _read(durable_kafka, topic, count=1) == [huge]


def test_data_outlives_a_kill_and_a_restart(own_kafka: Stoppable) -> None:
    """A killed broker comes back at its port with the records it had."""
    own_kafka.create_topics("t")
    before = own_kafka.bootstrap
    _produce(own_kafka, "t", [b"1"])

    own_kafka.kill()
    own_kafka.start()
    _produce(own_kafka, "t", [b"2"])
    own_kafka.restart()

    assert _read(own_kafka, "t", count=2) == [b"1", b"2"]
    assert own_kafka.bootstrap == before


def test_two_of_three_brokers_serve(three_brokers: Stoppable) -> None:
    """With one of three brokers killed, writes and reads go on."""
    three_brokers.create_topics("t")
    _produce(three_brokers, "t", [b"1"])

    three_brokers.kill(node=0)
    _produce(three_brokers, "t", [b"2"])

    assert _read(three_brokers, "t", count=2) == [b"1", b"2"]

    three_brokers.start(node=0)

    assert _read(three_brokers, "t", count=2) == [b"1", b"2"]
