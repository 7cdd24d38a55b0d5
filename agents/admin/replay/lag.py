"""Lag of the stages: the number of records that wait for each stage.

A replay waits while the lag is large, so that live records go first.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from agents.admin.kafka_contact import command_options, translate_kafka_errors
from agents.admin.topic_reader import TopicReader
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.settings import Settings
from streams.settings.model import LaneId

TIMEOUT_S: Final = 10.0

UNKNOWN_LAG: Final = 1 << 60
"""A lag above this means that Kafka does not answer."""


class LagReader:
    """Reader of the lag of each stage.

    Consumers outside the group read the committed offsets of a group: librdkafka 2.16
    aborts the process when an admin client loses the connection to a coordinator (issue
    4605 of librdkafka).

    Args:
        kafka: Broker addresses and credentials.
        settings: Names of groups and topics.
        with_held_events: Whether held events count. They wait on purpose, so a replay
            does not wait for them.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        settings: Settings,
        *,
        with_held_events: bool = False,
    ) -> None:
        self._admin = AdminClient(command_options(kafka))
        with translate_kafka_errors():
            metadata = self._admin.list_topics(timeout=TIMEOUT_S).topics
        self._partitions: dict[str, dict[str, list[int]]] = {}
        topics_by_group = _topics_by_group(settings)
        if with_held_events:
            held_events = settings.topics.held_events
            topics_by_group[f"{settings.app_id}.release"] = (held_events,)
        for group, topics in topics_by_group.items():
            existing = {
                topic: sorted(metadata[topic].partitions)
                for topic in topics
                if topic in metadata and metadata[topic].partitions
            }
            if existing:
                self._partitions[group] = existing
        self._readers = {
            group: TopicReader(kafka, group=group, timeout_s=TIMEOUT_S)
            for group in self._partitions
        }

    def read_largest(self) -> tuple[str, int]:
        """Return the group with the largest lag, and the lag.

        While Kafka does not answer, the lag is above `UNKNOWN_LAG`.
        """
        try:
            return max(self._read_lags(), key=lambda group_lag: group_lag[1])
        except (KafkaException, ConfigError):
            return "Kafka does not answer", 4 * UNKNOWN_LAG

    def close(self) -> None:
        """Close the connections to Kafka."""
        for reader in self._readers.values():
            reader.close()

    def _read_lags(self) -> Iterator[tuple[str, int]]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # not typed there
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the same
        ends, starts = self._list_offsets(latest), self._list_offsets(earliest)
        for group, topics in self._partitions.items():
            lag = 0
            for topic, partitions in topics.items():
                committed = self._readers[group].committed(topic, partitions)
                for partition in partitions:
                    topic_partition = TopicPartition(topic, partition)
                    start = starts[topic_partition].result().offset
                    end = ends[topic_partition].result().offset
                    lag += end - max(committed[partition], start)
            yield group, lag

    def _list_offsets(self, spec: OffsetSpec) -> Mapping[TopicPartition, Any]:
        """Return the future of each partition's offset."""
        topic_partitions = [
            TopicPartition(topic, partition)
            for topics in self._partitions.values()
            for topic, partitions in topics.items()
            for partition in partitions
        ]
        return self._admin.list_offsets(
            dict.fromkeys(topic_partitions, spec), request_timeout=TIMEOUT_S
        )


def _topics_by_group(settings: Settings) -> dict[str, tuple[str, ...]]:
    app_id, topics = settings.app_id, settings.topics
    return {
        f"{app_id}.intake": (*settings.source_topics, topics.reprocess),
        f"{app_id}.activate": (topics.events,),
        **{f"{app_id}.deliver.{lane}": (topics.activations[lane],) for lane in LaneId},
    }
