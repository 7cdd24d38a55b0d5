"""How many records wait before the hops: a replay lets them go first."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from agents.engine.kafka import KafkaAccess
from streams.settings import Settings
from streams.settings.model import LANES

ASK_S: Final = 10.0


class Lag:
    """Asks Kafka for the backlog of each hop.

    Args:
        kafka: Where it is.
        settings: Names of groups and topics.
    """

    def __init__(self, kafka: KafkaAccess, settings: Settings) -> None:
        self._admin = AdminClient(kafka.librdkafka())
        app, topics = settings.app_id, settings.topics
        reads = {
            f"{app}.intake": (*settings.source_topics, topics.reentry),
            f"{app}.activate": (topics.events,),
            **{f"{app}.deliver.{x}": (topics.activations(x),) for x in LANES},
        }
        found = self._admin.list_topics(timeout=ASK_S).topics
        self._spots = {
            group: [
                TopicPartition(name, partition)
                for name in names
                if name in found
                for partition in found[name].partitions
            ]
            for group, names in reads.items()
        }

    def most(self) -> tuple[str, int]:
        """The hop with the longest backlog, and how long it is.

        While Kafka doesn't answer nobody knows: then it is the whole world.
        """
        try:
            return max(self._backlogs(), key=lambda one: one[1])
        except KafkaException:
            return "Kafka does not answer", 1 << 62

    def _backlogs(self) -> Iterator[tuple[str, int]]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # not typed there
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the same
        ends, starts = self._bounds(latest), self._bounds(earliest)
        asked = [
            next(
                iter(
                    self._admin.list_consumer_group_offsets(
                        [ConsumerGroupTopicPartitions(group, some)],
                        request_timeout=ASK_S,
                    ).values()
                )
            )
            for group, some in self._spots.items()
            if some
        ]
        for one in asked:
            done = one.result()
            backlog = 0
            for spot in done.topic_partitions:
                place = TopicPartition(spot.topic, spot.partition)
                start = starts[place].result().offset
                backlog += ends[place].result().offset - max(spot.offset, start)
            yield str(done.group_id), backlog

    def _bounds(self, spec: OffsetSpec) -> Mapping[TopicPartition, Any]:
        """Future of each partition's offset."""
        spots = [spot for some in self._spots.values() for spot in some]
        return self._admin.list_offsets(
            dict.fromkeys(spots, spec), request_timeout=ASK_S
        )
