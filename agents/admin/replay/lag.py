"""How many records wait before the stages: a replay lets them go first.

Consumers that never join ask what a group has committed: librdkafka 2.16 aborts the
process when an admin client loses its connection to a coordinator (its issue 4605).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from agents.engine.kafka import KafkaAccess
from streams.settings import Settings
from streams.settings.model import LANES

TIMEOUT_S: Final = 10.0


class LagReader:
    """Asks Kafka for the backlog of each stage.

    Args:
        kafka: Where it is.
        settings: Names of groups and topics.
    """

    def __init__(self, kafka: KafkaAccess, settings: Settings) -> None:
        self._admin = AdminClient(kafka.librdkafka_options())
        app_id, topics = settings.app_id, settings.topics
        topics_by_group = {
            f"{app_id}.intake": (*settings.source_topics, topics.reprocess),
            f"{app_id}.activate": (topics.events,),
            **{
                f"{app_id}.deliver.{lane}": (topics.activations(lane),)
                for lane in LANES
            },
        }
        metadata = self._admin.list_topics(timeout=TIMEOUT_S).topics
        self._groups: dict[str, tuple[Consumer, list[TopicPartition]]] = {}
        for group, group_topics in topics_by_group.items():
            topic_partitions = [
                TopicPartition(topic, partition)
                for topic in group_topics
                if topic in metadata
                for partition in metadata[topic].partitions
            ]
            if topic_partitions:
                consumer = Consumer(kafka.librdkafka_options() | {"group.id": group})
                self._groups[group] = (consumer, topic_partitions)

    def read_largest(self) -> tuple[str, int]:
        """The stage with the longest backlog, and how long it is.

        While Kafka doesn't answer nobody knows: then it is the whole world.
        """
        try:
            return max(self._read_lags(), key=lambda group_lag: group_lag[1])
        except KafkaException:
            return "Kafka does not answer", 1 << 62

    def close(self) -> None:
        """Let go."""
        for consumer, _ in self._groups.values():
            consumer.close()

    def _read_lags(self) -> Iterator[tuple[str, int]]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # not typed there
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the same
        ends, starts = self._list_offsets(latest), self._list_offsets(earliest)
        for group, (consumer, topic_partitions) in self._groups.items():
            lag = 0
            for committed in consumer.committed(topic_partitions, timeout=TIMEOUT_S):
                topic_partition = TopicPartition(committed.topic, committed.partition)
                start = starts[topic_partition].result().offset
                lag += ends[topic_partition].result().offset - max(
                    committed.offset, start
                )
            yield group, lag

    def _list_offsets(self, spec: OffsetSpec) -> Mapping[TopicPartition, Any]:
        """Future of each partition's offset."""
        topic_partitions = [
            topic_partition
            for _, group_partitions in self._groups.values()
            for topic_partition in group_partitions
        ]
        return self._admin.list_offsets(
            dict.fromkeys(topic_partitions, spec), request_timeout=TIMEOUT_S
        )
