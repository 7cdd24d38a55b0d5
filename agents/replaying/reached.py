"""How far live reading has come: a table learns nothing that is still to be told."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from agents.engine.kafka import KafkaAccess
from agents.replaying.ranges import Ends
from streams.errors import ConfigError
from streams.settings import Settings

TIMEOUT_S: Final = 30.0


def reached(
    kafka: KafkaAccess, settings: Settings, *, topic: str, ends: Ends
) -> Mapping[int, int]:
    """Say up to where workers have read a topic that they read first.

    Args:
        kafka: Where it is.
        settings: Names of groups and topics.
        topic: A source topic, the reentry topic or the events topic.
        ends: Its partitions.

    Returns:
        Partition → the first offset that is not read; nothing of a lane, whose records
        the table has heard of before.

    Raises:
        ConfigError: Kafka does not say.
    """
    topics = settings.topics
    hops = dict.fromkeys((*settings.source_topics, topics.reentry), "intake")
    hops[topics.events] = "activate"
    if topic not in hops:
        return {}
    group = {"group.id": f"{settings.app_id}.{hops[topic]}"}
    with closing(Consumer(kafka.librdkafka() | group)) as consumer:
        asked = [TopicPartition(topic, number) for number in ends]
        try:
            found = consumer.committed(asked, timeout=TIMEOUT_S)
        except KafkaException as refused:
            name = refused.args[0].name()
            raise ConfigError([f"group {group['group.id']}: {name}"]) from None
    return {spot.partition: max(spot.offset, 0) for spot in found}
