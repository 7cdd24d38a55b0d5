"""Replay on a real Kafka: ranges with gaps, and backlogs."""

import time
from collections.abc import Iterable
from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from agents.admin.replay.lag import LagReader
from agents.admin.replay.topic_range import TopicRange
from agents.engine.kafka import KafkaAccess
from agents.shared.context import kafka_access
from streams.replay.selection import ReplaySelection
from streams.settings import load_settings
from tests.brokers.interface import Broker, admin

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS = 3_000


def _write(broker: Broker, topic: str, partition: int, *, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=partition)
    assert producer.flush(30) == 0


def _write_in_transaction(broker: Broker, topic: str, *, count: int) -> None:
    """Write to partition 0; the last offset is a transaction marker."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": topic}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=0)
    producer.commit_transaction(30)
    _await_end(broker, TopicPartition(topic, 0), count + 1)


def _await_end(broker: Broker, partition: TopicPartition, offset: int) -> None:
    """Wait until the marker is in the partition: a commit returns before that."""
    options = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": "unused",
        "isolation.level": "read_committed",
    }
    with closing(Consumer(options)) as consumer:
        while consumer.get_watermark_offsets(partition, timeout=30)[1] < offset:
            time.sleep(0.05)


@pytest.mark.parametrize(
    "later_count", [0, RECORDS], ids=["at-the-end", "before-others"]
)
def test_a_partition_that_ends_on_a_marker_leaves_out_nothing_of_others(
    durable_kafka: Broker, topic_prefix: str, later_count: int
) -> None:
    """Records written after the end of the range do not belong to the range."""
    topic = f"{topic_prefix}source"
    durable_kafka.create_topics(topic, partitions=2)
    _write_in_transaction(durable_kafka, topic, count=10)
    _write(durable_kafka, topic, 1, count=RECORDS)
    counts = {0: 0, 1: 0}

    access = KafkaAccess(bootstrap=durable_kafka.bootstrap)
    with closing(TopicRange(access, topic)) as source:
        ends = source.find_bounds(ReplaySelection(topic=topic))
        _write(durable_kafka, topic, 0, count=later_count)
        source.start(ends, {})
        while not source.is_finished:
            for message in source.read(10):
                counts[message.partition() or 0] += 1

    assert ends == {0: (0, 11), 1: (0, RECORDS)}
    assert counts == {0: 10, 1: RECORDS}
    assert source.positions == {0: 11, 1: RECORDS}


def _delete_records(broker: Broker, topic_partitions: Iterable[TopicPartition]) -> None:
    client = admin(broker.bootstrap)
    for deletion in client.delete_records(list(topic_partitions)).values():
        deletion.result(30)


def test_records_that_have_expired_are_no_backlog(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Expired records count neither before a first commit nor after an old one."""
    topic = f"{topic_prefix}source"
    settings = load_settings(
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
    group = f"{settings.app_id}.intake"
    with closing(
        Consumer(kafka_access(settings).librdkafka_options() | {"group.id": group})
    ) as consumer:
        topic_partitions = [TopicPartition(topic, 1, 5), TopicPartition(topic, 2, 40)]
        consumer.commit(offsets=topic_partitions, asynchronous=False)
    _delete_records(
        durable_kafka, [TopicPartition(topic, 0, 50), TopicPartition(topic, 1, 30)]
    )

    with closing(LagReader(kafka_access(settings), settings)) as lag:
        lagging_group, backlog = lag.read_largest()

    assert (lagging_group, backlog) == (group, 0 + 20 + 10)


def test_held_events_are_a_backlog_for_an_export_alone(
    durable_kafka: Broker, topic_prefix: str
) -> None:
    """Held events wait on purpose: a replay must not wait for them."""
    settings = load_settings(
        {
            "KLAVIYO_API_KEY": "pk_test",
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": durable_kafka.bootstrap,
            "KLAVIYO_STREAMS_TOPIC_PREFIX": topic_prefix,
        }
    )
    topics, access = settings.topics, kafka_access(settings)
    durable_kafka.create_topics(topics.events, topics.held_events, partitions=1)
    _write(durable_kafka, topics.held_events, 0, count=7)

    with closing(LagReader(access, settings)) as lag_reader:
        for_replay = lag_reader.read_largest()
    with closing(LagReader(access, settings, with_held_events=True)) as lag_reader:
        for_export = lag_reader.read_largest()

    assert for_replay[1] == 0
    assert for_export == (f"{settings.app_id}.release", 7)
