"""How far live reading has come: a table learns nothing that is still to be told."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.admin.replay.topic_range import PartitionBounds
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.settings import Settings

TIMEOUT_S: Final = 30.0


def read_committed_offsets(
    kafka: KafkaAccess, settings: Settings, *, topic: str, partitions: PartitionBounds
) -> Mapping[int, int]:
    """Say up to where workers have read a topic that they read first.

    Args:
        kafka: Where it is.
        settings: Names of groups and topics.
        topic: A source topic, the reprocess topic or the events topic.
        partitions: Its partitions.

    Returns:
        Partition → the first offset that is not read; nothing of a lane, whose records
        the table has heard of before.

    Raises:
        ConfigError: Kafka does not say.
    """
    topics = settings.topics
    stages = dict.fromkeys((*settings.source_topics, topics.reprocess), "intake")
    stages[topics.events] = "activate"
    if topic not in stages:
        return {}
    group = {"group.id": f"{settings.app_id}.{stages[topic]}"}
    with closing(Consumer(kafka.librdkafka_options() | group)) as consumer:
        topic_partitions = [TopicPartition(topic, number) for number in partitions]
        try:
            committed = consumer.committed(topic_partitions, timeout=TIMEOUT_S)
        except KafkaException as refused:
            name = refused.args[0].name()
            raise ConfigError([f"group {group['group.id']}: {name}"]) from None
    return {
        topic_partition.partition: max(topic_partition.offset, 0)
        for topic_partition in committed
    }
