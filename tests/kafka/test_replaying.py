"""What a replay asks of a real Kafka: ranges with gaps, and backlogs."""

from collections.abc import Iterable
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from agents.context import kafka_access
from agents.engine.kafka import KafkaAccess
from agents.replaying.lag import Lag
from agents.replaying.ranges import Range
from streams.replay.selection import Selection
from streams.settings import load
from tests.brokers.face import Broker, admin

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

MANY = 3_000


def _write(broker: Broker, topic: str, partition: int, *, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=partition)
    assert producer.flush(30) == 0


def _write_in_transaction(broker: Broker, topic: str, *, count: int) -> None:
    """Into the partition 0; the offset behind them is a marker."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": topic}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=0)
    producer.commit_transaction(30)


@pytest.mark.parametrize("more", [0, MANY], ids=["at-the-end", "before-others"])
def test_a_partition_that_ends_on_a_marker_leaves_out_nothing_of_others(
    durable_kafka: Broker, topic_prefix: str, more: int
) -> None:
    """Neither does what is written behind its end belong to the range."""
    topic = f"{topic_prefix}source"
    durable_kafka.create_topics(topic, partitions=2)
    _write_in_transaction(durable_kafka, topic, count=10)
    _write(durable_kafka, topic, 1, count=MANY)
    counts = {0: 0, 1: 0}

    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)
    with closing(Range(access, topic)) as source:
        ends = source.ends(Selection(topic=topic))
        _write(durable_kafka, topic, 0, count=more)
        source.begin(ends, {})
        while not source.is_over:
            for message in source.read(10):
                counts[message.partition() or 0] += 1

    assert ends == {0: (0, 11), 1: (0, MANY)}
    assert counts == {0: 10, 1: MANY}
    assert source.position == {0: 11, 1: MANY}


def _delete(broker: Broker, spots: Iterable[TopicPartition]) -> None:
    client = admin(broker.bootstrap)
    for done in client.delete_records(list(spots)).values():
        done.result(30)


def test_records_that_have_expired_are_no_backlog(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Neither where the group never committed nor where it committed before them."""
    topic = f"{topic_prefix}source"
    told = load(
        {
            "KLAVIYO_API_KEY": "pk_test",
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": durable_kafka.bootstrap,
            "KLAVIYO_STREAMS_TOPIC_PREFIX": topic_prefix,
            "KLAVIYO_STREAMS_SOURCE_TOPICS": topic,
        }
    )
    durable_kafka.create_topics(topic, partitions=3)
    for partition in range(3):
        _write(durable_kafka, topic, partition, count=50)
    group = f"{told.app_id}.intake"
    with closing(Consumer(kafka_access(told).librdkafka() | {"group.id": group})) as it:
        spots = [TopicPartition(topic, 1, 5), TopicPartition(topic, 2, 40)]
        it.commit(offsets=spots, asynchronous=False)
    _delete(durable_kafka, [TopicPartition(topic, 0, 50), TopicPartition(topic, 1, 30)])

    with closing(Lag(kafka_access(told), told)) as lag:
        hop, waiting = lag.most()

    assert (hop, waiting) == (group, 0 + 20 + 10)
