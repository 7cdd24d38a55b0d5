"""Producer on a real Kafka: durable on return, in order after a retry."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from confluent_kafka import Consumer, TopicPartition

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import (
    Message,
    Producer,
    RecordTooLarge,
    SendResult,
    Written,
)
from tests.brokers.interface import Broker, Stoppable
from tests.kafka.traps.freeze import frozen
from tests.kafka.traps.services import running

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_WAIT_S = 240.0

UNACKNOWLEDGED = {"enable.idempotence": False, "acks": 0}
"""Options under which no broker reports an offset."""


def _values(broker: Broker, topic: str, *, partition: int = 0) -> list[bytes | None]:
    """Return all values of a partition, in order."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": topic})
    try:
        topic_partition = TopicPartition(topic, partition, 0)
        _, end = consumer.get_watermark_offsets(topic_partition, timeout=_WAIT_S)
        consumer.assign([topic_partition])
        return (
            [record.value() for record in consumer.consume(end, _WAIT_S)] if end else []
        )
    finally:
        consumer.close()


def _incompressible(size: int) -> bytes:
    """Return random bytes that no codec makes smaller."""
    return Random(size).randbytes(size)  # noqa: S311 - noise, no secret


def _numbered_messages(topic: str, count: int) -> list[Message]:
    return [Message(topic, b"k", b"%d" % i, partition=0) for i in range(count)]


def _offsets(results: Sequence[SendResult]) -> list[int]:
    """Return the offsets of records that were written at known offsets."""
    return [
        result.offset
        for result in results
        if isinstance(result, Written) and result.offset is not None
    ]


async def test_it_returns_the_offset_of_each_record(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """A consumer finds each value at the returned offset."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic)

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        first = await producer.send(_numbered_messages(topic, 3))
        then = await producer.send(_numbered_messages(topic, 2))
        nothing = await producer.send([])

    assert first == [Written(0), Written(1), Written(2)]
    assert then == [Written(3), Written(4)]
    assert nothing == []
    assert _values(durable_kafka, topic) == [b"0", b"1", b"2", b"0", b"1"]


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(5_000, id="larger than its topic accepts"),
        pytest.param(17_000_000, id="larger than any request"),
    ],
)
async def test_only_the_record_too_large_is_refused(
    durable_kafka: Broker, topic_prefix: str, size: int
) -> None:
    """The broker refuses the whole batch; the neighbours are delivered all the same."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config={"max.message.bytes": "2000"})
    huge = Message(topic, b"k", _incompressible(size), partition=0)
    messages = _numbered_messages(topic, 1_000)
    messages.insert(300, huge)

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        results = await producer.send(messages)
        after = await producer.send(_numbered_messages(topic, 1))

    log = _values(durable_kafka, topic)
    offsets = _offsets(results)
    assert [i for i, result in enumerate(results) if result == RecordTooLarge()] == [
        300
    ]
    assert [log[offset] for offset in offsets] == [b"%d" % i for i in range(1_000)]
    assert offsets == sorted(offsets)
    assert [log[offset] for offset in _offsets(after)] == [b"0"]


async def test_records_too_many_for_one_batch_of_the_topic_are_delivered(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Each record fits its topic, the batch does not: no record is refused."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config={"max.message.bytes": "5000"})
    values = [_incompressible(1_000 + i) for i in range(100)]

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        results = await producer.send([Message(topic, b"k", v) for v in values])

    log = _values(durable_kafka, topic)
    assert [log[offset] for offset in _offsets(results)] == values
    assert RecordTooLarge() not in results


async def test_a_durable_record_of_unknown_offset_is_not_too_large(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """The offset is unknown after a lost acknowledgement, or if none is requested."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic)
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)

    async with running(Producer(access, **UNACKNOWLEDGED)) as producer:
        results = await producer.send(_numbered_messages(topic, 3))

    assert results == [Written(None)] * 3
    async with asyncio.timeout(_WAIT_S):
        while _values(durable_kafka, topic) != [b"0", b"1", b"2"]:  # noqa: ASYNC110 - a broker has no event
            await asyncio.sleep(0.05)


async def test_a_sequence_that_failed_is_sent_again_whole_and_in_order(
    own_kafka: Stoppable,
) -> None:
    """The log ends with the whole sequence, at the returned offsets."""
    own_kafka.create_topics("t")
    access = KafkaAccess(bootstrap=own_kafka.bootstrap)
    impatient = {"message.timeout.ms": 1_000, "batch.num.messages": 10}

    async with running(Producer(access, **impatient)) as producer:
        await producer.send(_numbered_messages("t", 1))
        with frozen(own_kafka):
            sending = asyncio.create_task(producer.send(_numbered_messages("t", 100)))
            await asyncio.wait([sending], timeout=3.0)  # its timeout passes
            assert not sending.done()
        offsets = _offsets(await asyncio.wait_for(sending, _WAIT_S))

    log = _values(own_kafka, "t")
    assert [log[offset] for offset in offsets] == [b"%d" % i for i in range(100)]
    assert offsets == sorted(offsets)
    assert log[-100:] == [b"%d" % i for i in range(100)]
