"""The producer on a real Kafka: durable when it returns, in order when it retries."""

import asyncio
from random import Random

import pytest
from confluent_kafka import Consumer, TopicPartition

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import OFFSET_UNKNOWN, RECORD_TOO_LARGE, Message, Producer
from tests.brokers.interface import Broker, Stoppable
from tests.kafka.traps.freeze import frozen
from tests.kafka.traps.services import running

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_WAIT_S = 30.0

UNACKNOWLEDGED = {"enable.idempotence": False, "acks": 0}
"""No broker tells where a record lies."""


def _values(broker: Broker, topic: str, *, partition: int = 0) -> list[bytes | None]:
    """Everything in a partition, in order."""
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
    """So many bytes that no codec makes smaller."""
    return Random(size).randbytes(size)  # noqa: S311 - noise, no secret


def _numbered_messages(topic: str, count: int) -> list[Message]:
    return [Message(topic, b"k", b"%d" % i, partition=0) for i in range(count)]


async def test_it_says_at_which_offset_each_record_lies(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """The offsets are those a reader finds the values at."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic)

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        first = await producer.send(_numbered_messages(topic, 3))
        then = await producer.send(_numbered_messages(topic, 2))
        nothing = await producer.send([])

    assert (first, then, nothing) == ([0, 1, 2], [3, 4], [])
    assert _values(durable_kafka, topic) == [b"0", b"1", b"2", b"0", b"1"]


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(5_000, id="larger than its topic takes"),
        pytest.param(17_000_000, id="larger than any request"),
    ],
)
async def test_a_record_too_large_is_refused_alone(
    durable_kafka: Broker, topic_prefix: str, size: int
) -> None:
    """The broker refuses its whole batch; those before and after it are delivered."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config={"max.message.bytes": "2000"})
    huge = Message(topic, b"k", _incompressible(size), partition=0)
    messages = _numbered_messages(topic, 1_000)
    messages.insert(300, huge)

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        offsets = await producer.send(messages)
        after = await producer.send(_numbered_messages(topic, 1))

    log = _values(durable_kafka, topic)
    delivered = [log[offset] for offset in offsets if offset != RECORD_TOO_LARGE]
    assert [i for i, offset in enumerate(offsets) if offset == RECORD_TOO_LARGE] == [
        300
    ]
    assert delivered == [b"%d" % i for i in range(1_000)]
    assert offsets[:300] + offsets[301:] == sorted(offsets[:300] + offsets[301:])
    assert log[after[0]] == b"0"


async def test_records_too_many_for_one_batch_of_the_topic_are_delivered(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Each fits its topic, together they do not: none is refused."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic, config={"max.message.bytes": "5000"})
    values = [_incompressible(1_000 + i) for i in range(100)]

    async with running(
        Producer(KafkaAccess(bootstrap=durable_kafka.bootstrap))
    ) as producer:
        offsets = await producer.send([Message(topic, b"k", v) for v in values])

    log = _values(durable_kafka, topic)
    assert [log[offset] for offset in offsets] == values
    assert RECORD_TOO_LARGE not in offsets


async def test_a_durable_record_of_unknown_offset_is_not_too_large(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """It is reported so where an acknowledgement was lost, and where none is asked."""
    topic = f"{topic_prefix}t"
    durable_kafka.create_topics(topic)
    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)

    async with running(Producer(access, **UNACKNOWLEDGED)) as producer:
        offsets = await producer.send(_numbered_messages(topic, 3))

    assert offsets == [OFFSET_UNKNOWN] * 3
    async with asyncio.timeout(_WAIT_S):
        while _values(durable_kafka, topic) != [b"0", b"1", b"2"]:  # noqa: ASYNC110 - a broker has no event
            await asyncio.sleep(0.05)


async def test_a_sequence_that_failed_is_sent_again_whole_and_in_order(
    own_kafka: Stoppable,
) -> None:
    """The log ends with the whole sequence, at the offsets that were told."""
    own_kafka.create_topics("t")
    access = KafkaAccess(bootstrap=own_kafka.bootstrap)
    impatient = {"message.timeout.ms": 1_000, "batch.num.messages": 10}

    async with running(Producer(access, **impatient)) as producer:
        await producer.send(_numbered_messages("t", 1))
        with frozen(own_kafka):
            sending = asyncio.create_task(producer.send(_numbered_messages("t", 100)))
            await asyncio.wait([sending], timeout=3.0)  # its timeout passes
            assert not sending.done()
        offsets = await asyncio.wait_for(sending, _WAIT_S)

    log = _values(own_kafka, "t")
    assert [log[offset] for offset in offsets] == [b"%d" % i for i in range(100)]
    assert offsets == sorted(offsets)
    assert log[-100:] == [b"%d" % i for i in range(100)]
