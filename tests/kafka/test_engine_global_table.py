"""Global table on a real Kafka: a copy of a whole small compacted topic."""

import asyncio

import pytest

from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message, Producer
from tests.brokers.interface import Broker
from tests.kafka.traps.services import running
from tests.kafka.traps.worker_harness import COMPACTED

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_WAIT_S = 240.0


async def test_it_has_what_was_there_at_its_start(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """The table has the latest value of each key, without removed keys."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config=COMPACTED)
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)

    async with running(Producer(access)) as producer:
        await producer.send(
            [
                Message(topic, b"a", b"1"),
                Message(topic, b"b", b"1"),
                Message(topic, b"a", b"2"),
                Message(topic, b"b", None),
            ]
        )
        async with running(GlobalTable(topic=topic, kafka=access)) as view:
            rows = dict(view.rows)

    assert rows == {b"a": b"2"}


async def test_catching_up_shows_what_was_written_before_the_call(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """After each call, no earlier write is missing."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config=COMPACTED)
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)

    async with (
        running(Producer(access)) as producer,
        running(GlobalTable(topic=topic, kafka=access)) as view,
    ):
        for number in range(20):
            value = b"%d" % number
            await producer.send([Message(topic, b"k", value)])
            await asyncio.wait_for(view.catch_up(), _WAIT_S)

            assert view.rows[b"k"] == value

        await producer.send([Message(topic, b"k", None)])
        await asyncio.wait_for(view.catch_up(), _WAIT_S)

        assert not view.rows


async def test_catching_up_with_nothing_new_returns(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """An empty topic, or a topic already read, delays no caller."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config=COMPACTED)
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)

    async with running(GlobalTable(topic=topic, kafka=access)) as view:
        await asyncio.wait_for(view.catch_up(), _WAIT_S)
        await asyncio.wait_for(view.catch_up(), _WAIT_S)

    assert not view.rows
