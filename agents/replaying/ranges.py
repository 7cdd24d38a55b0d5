"""A range of a topic, read from its first offset to its last."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.replay.selection import Selection

TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.5

Ends = dict[int, tuple[int, int]]


class Range:
    """Reads the partitions of a topic side by side.

    The last offsets of a partition may hold no record: markers of transactions, or
    what was compacted away. So a partition is read when a record behind its range
    comes, or when Kafka says that its log ends.

    Args:
        kafka: Where it is.
        topic: The topic.
        connect: Gives what reads there.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        connect: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._topic = topic
        self._consumer = connect(
            kafka.librdkafka()
            | {
                "group.id": "klaviyo-streams.replay",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": 16_000_000,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._until: dict[int, int] = {}
        self.position: dict[int, int] = {}

    def close(self) -> None:
        """Let go of it."""
        self._consumer.close()

    def ends(self, selection: Selection) -> Ends:
        """Say where a selection begins and ends now, by partition.

        Raises:
            ConfigError: The topic or a partition is not there, or Kafka is not.
        """
        with self._asking():
            return self._ends(selection)

    def _ends(self, selection: Selection) -> Ends:
        found = self._consumer.list_topics(self._topic, timeout=TIMEOUT_S)
        topic = found.topics[self._topic]
        if topic.error is not None or not topic.partitions:
            raise ConfigError([f"topic {self._topic}: not there; see: kafka-topics"])
        if missing := selection.spans.keys() - topic.partitions.keys():
            many = len(topic.partitions)
            raise ConfigError(
                [f"partition {min(missing)}: {self._topic} has 0 to {many - 1}"]
            )
        chosen = list(selection.spans or topic.partitions)
        since = self._offsets_at(chosen, selection.since_ms)
        until = self._offsets_at(chosen, selection.until_ms)
        ends: Ends = {}
        for partition in chosen:
            low, high = self._bounds(partition)
            first, last = selection.spans.get(partition, (0, None))
            begin = max(low, first, since.get(partition, low))
            end = min(high, high if last is None else last, until.get(partition, high))
            if end > begin:
                ends[partition] = (begin, end)
        return ends

    def _bounds(self, partition: int) -> tuple[int, int]:
        spot = TopicPartition(self._topic, partition)
        return self._consumer.get_watermark_offsets(spot, timeout=TIMEOUT_S)

    def _offsets_at(
        self, partitions: Iterable[int], time_ms: int | None
    ) -> dict[int, int]:
        """First offset written at a time or later; past the end it is the end."""
        if time_ms is None:
            return {}
        asked = [TopicPartition(self._topic, p, time_ms) for p in partitions]
        found = self._consumer.offsets_for_times(asked, timeout=TIMEOUT_S)
        for spot in found:
            if spot.error is not None:
                name = spot.error.name()
                raise ConfigError(
                    [f"topic {self._topic}, partition {spot.partition}: {name}"]
                )
        return {
            spot.partition: spot.offset if spot.offset >= 0 else 2**63 - 1
            for spot in found
        }

    def begin(self, ends: Ends, position: Mapping[int, int]) -> None:
        """Be ready to read, from where it was left."""
        self.position = {p: position.get(p, first) for p, (first, _) in ends.items()}
        self._until = {
            p: last for p, (_, last) in ends.items() if self.position[p] < last
        }
        self._assign()

    @property
    def is_over(self) -> bool:
        """Whether all of it is read."""
        return not self._until

    def read(self, count: int) -> list[KafkaMessage]:
        """Give the next records, none where none came for a moment.

        Raises:
            ConfigError: Kafka refuses.
        """
        if self.is_over:
            return []
        with self._asking():
            found = self._consumer.consume(count, POLL_S)
            return [message for message in found if self._take(message)]

    def _take(self, message: KafkaMessage) -> bool:
        """Move on with a record, or with the word that a partition has no more."""
        is_record = _is_record(message)
        partition, offset = _place(message)
        if partition not in self._until:
            return False
        until = self._until[partition]
        if is_record and offset < until:
            self._pass(partition, offset + 1)
            return True
        if is_record or offset >= until or offset >= self._bounds(partition)[1]:
            self._pass(partition, until)
        return False  # else a new leader spoke before it knew where the log ends

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as refused:
            name = refused.args[0].name()
            raise ConfigError([f"topic {self._topic}: {name}"]) from None

    def _pass(self, partition: int, offset: int) -> None:
        self.position[partition] = offset
        if offset >= self._until[partition]:
            del self._until[partition]
            spot = TopicPartition(self._topic, partition)
            self._consumer.incremental_unassign([spot])

    def _assign(self) -> None:
        self._consumer.incremental_assign(
            [
                TopicPartition(self._topic, partition, self.position[partition])
                for partition in self._until
            ]
        )


def _is_record(message: KafkaMessage) -> bool:
    """Whether it is one, and not the end of a partition.

    Raises:
        KafkaException: It is another error.
    """
    error = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        raise KafkaException(error)
    return error is None


def _place(message: Any) -> tuple[int, int]:  # noqa: ANN401 - confluent's types allow None
    return message.partition(), message.offset()
