"""Offsets of a topic that the workers have committed."""

from collections.abc import Iterable, Mapping
from contextlib import closing

from agents.admin.topic_reader import TopicReader
from agents.engine.kafka import KafkaAccess
from streams.settings import Settings


def read_committed_offsets(
    kafka: KafkaAccess, settings: Settings, *, topic: str, partitions: Iterable[int]
) -> Mapping[int, int]:
    """Return the offsets that the first stage to read a topic has committed.

    A rebuild of the table stops there: a record that no worker has read yet must still
    reach Klaviyo, and would count as a duplicate if the table had it already.

    Args:
        kafka: Broker addresses and credentials.
        settings: Names of groups and topics.
        topic: A source topic, the reprocess topic or the events topic.
        partitions: Partitions of the topic.

    Returns:
        Partition → first offset that is not read. Empty for the topic of a lane, whose
        records are in the table already.

    Raises:
        ConfigError: Kafka does not answer.
    """
    topics = settings.topics
    stages = dict.fromkeys((*settings.source_topics, topics.reprocess), "intake")
    stages[topics.events] = "activate"
    if topic not in stages:
        return {}
    group = f"{settings.app_id}.{stages[topic]}"
    with closing(TopicReader(kafka, group=group)) as reader:
        return reader.committed(topic, partitions)
