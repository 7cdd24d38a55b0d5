"""How many records wait before the hops: a replay lets them go first.

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
        self._groups: dict[str, tuple[Consumer, list[TopicPartition]]] = {}
        for group, names in reads.items():
            spots = [
                TopicPartition(name, partition)
                for name in names
                if name in found
                for partition in found[name].partitions
            ]
            if spots:
                consumer = Consumer(kafka.librdkafka() | {"group.id": group})
                self._groups[group] = (consumer, spots)

    def most(self) -> tuple[str, int]:
        """The hop with the longest backlog, and how long it is.

        While Kafka doesn't answer nobody knows: then it is the whole world.
        """
        try:
            return max(self._backlogs(), key=lambda one: one[1])
        except KafkaException:
            return "Kafka does not answer", 1 << 62

    def close(self) -> None:
        """Let go."""
        for consumer, _ in self._groups.values():
            consumer.close()

    def _backlogs(self) -> Iterator[tuple[str, int]]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # not typed there
        earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the same
        ends, starts = self._bounds(latest), self._bounds(earliest)
        for group, (consumer, spots) in self._groups.items():
            backlog = 0
            for spot in consumer.committed(spots, timeout=ASK_S):
                place = TopicPartition(spot.topic, spot.partition)
                start = starts[place].result().offset
                backlog += ends[place].result().offset - max(spot.offset, start)
            yield group, backlog

    def _bounds(self, spec: OffsetSpec) -> Mapping[TopicPartition, Any]:
        """Future of each partition's offset."""
        spots = [spot for _, some in self._groups.values() for spot in some]
        return self._admin.list_offsets(
            dict.fromkeys(spots, spec), request_timeout=ASK_S
        )
