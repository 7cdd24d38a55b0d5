"""The embedded broker supports everything that the demo needs."""

from contextlib import closing

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.shared.embedded_broker import PARTITIONS_PER_TOPIC, EmbeddedBroker


async def test_a_group_reads_commits_and_finds_its_commit() -> None:
    """A group with one member reads and commits, with records of 4 MB."""
    with EmbeddedBroker() as broker:
        broker.create_topics("t")
        await _produce(broker.bootstrap, "t", [b"small", bytes(4 * 1024 * 1024)])
        consumer = AIOKafkaConsumer(
            "t",
            bootstrap_servers=broker.bootstrap,
            group_id="g",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            sizes = [len((await consumer.getone()).value) for _ in range(2)]
            await consumer.commit()
            committed = await consumer.committed(TopicPartition("t", 0))
            assigned = consumer.assignment()
        finally:
            await consumer.stop()

    assert sizes == [5, 4 * 1024 * 1024]
    assert committed == 2
    assert len(assigned) == PARTITIONS_PER_TOPIC


def test_a_broker_that_is_not_started_creates_no_topic() -> None:
    """A call without `start` raises an error instead of creating no topic."""
    with closing(EmbeddedBroker()) as broker, pytest.raises(RuntimeError):
        broker.create_topics("t")


async def _produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_request_size=12 * 1024 * 1024
    )
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()
