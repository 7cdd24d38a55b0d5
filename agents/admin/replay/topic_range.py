"""A range of a topic, read from its first offset to its last."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.replay.selection import ReplaySelection

TIMEOUT_S: Final = 30.0
POLL_S: Final = 0.5

PartitionBounds = dict[int, tuple[int, int]]


class TopicRange:
    """Reads the partitions of a topic side by side.

    The last offsets of a partition may hold no record: markers of transactions, or
    what was compacted away. So a partition is read when a record behind its range
    comes, or when Kafka says that its log ends.

    Args:
        kafka: Where it is.
        topic: The topic.
        create_consumer: Gives what reads there.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        create_consumer: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._topic = topic
        self._consumer = create_consumer(
            kafka.librdkafka_options()
            | {
                "group.id": "klaviyo-streams.replay",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.message.max.bytes": 16_000_000,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._end_offsets: dict[int, int] = {}
        self.positions: dict[int, int] = {}

    def close(self) -> None:
        """Let go of it."""
        self._consumer.close()

    def find_bounds(self, selection: ReplaySelection) -> PartitionBounds:
        """Say where a selection begins and ends now, by partition.

        Raises:
            ConfigError: The topic or a partition is not there, or Kafka is not.
        """
        with self._translate_errors():
            return self._find_bounds(selection)

    def _find_bounds(self, selection: ReplaySelection) -> PartitionBounds:
        metadata = self._consumer.list_topics(self._topic, timeout=TIMEOUT_S)
        topic = metadata.topics[self._topic]
        if topic.error is not None or not topic.partitions:
            raise ConfigError([f"topic {self._topic}: not there; see: kafka-topics"])
        if missing := selection.offset_ranges.keys() - topic.partitions.keys():
            partition_count = len(topic.partitions)
            raise ConfigError(
                [
                    f"partition {min(missing)}: {self._topic} has 0 to {partition_count - 1}"
                ]
            )
        partitions = list(selection.offset_ranges or topic.partitions)
        since = self._offsets_at(partitions, selection.since_ms)
        until = self._offsets_at(partitions, selection.until_ms)
        bounds: PartitionBounds = {}
        for partition in partitions:
            low, high = self._watermarks(partition)
            first, last = selection.offset_ranges.get(partition, (0, None))
            start = max(low, first, since.get(partition, low))
            end = min(high, high if last is None else last, until.get(partition, high))
            if end > start:
                bounds[partition] = (start, end)
        return bounds

    def _watermarks(self, partition: int) -> tuple[int, int]:
        topic_partition = TopicPartition(self._topic, partition)
        return self._consumer.get_watermark_offsets(topic_partition, timeout=TIMEOUT_S)

    def _offsets_at(
        self, partitions: Iterable[int], time_ms: int | None
    ) -> dict[int, int]:
        """First offset written at a time or later; past the end it is the end."""
        if time_ms is None:
            return {}
        timestamps = [TopicPartition(self._topic, p, time_ms) for p in partitions]
        offsets = self._consumer.offsets_for_times(timestamps, timeout=TIMEOUT_S)
        for offset in offsets:
            if offset.error is not None:
                name = offset.error.name()
                raise ConfigError(
                    [f"topic {self._topic}, partition {offset.partition}: {name}"]
                )
        return {
            offset.partition: offset.offset if offset.offset >= 0 else 2**63 - 1
            for offset in offsets
        }

    def start(self, bounds: PartitionBounds, positions: Mapping[int, int]) -> None:
        """Be ready to read, from where it was left."""
        self.positions = {
            p: positions.get(p, first) for p, (first, _) in bounds.items()
        }
        self._end_offsets = {
            p: last for p, (_, last) in bounds.items() if self.positions[p] < last
        }
        self._assign()

    @property
    def is_finished(self) -> bool:
        """Whether all of it is read."""
        return not self._end_offsets

    def read(self, count: int) -> list[KafkaMessage]:
        """Give the next records, none where none came for a moment.

        Raises:
            ConfigError: Kafka refuses.
        """
        if self.is_finished:
            return []
        with self._translate_errors():
            messages = self._consumer.consume(count, POLL_S)
            return [message for message in messages if self._advance(message)]

    def _advance(self, message: KafkaMessage) -> bool:
        """Move on with a record, or with the word that a partition has no more."""
        is_record = _is_record(message)
        partition, offset = _partition_and_offset(message)
        if partition not in self._end_offsets:
            return False
        end_offset = self._end_offsets[partition]
        if is_record and offset < end_offset:
            self._move_to(partition, offset + 1)
            return True
        if (
            is_record
            or offset >= end_offset
            or offset >= self._watermarks(partition)[1]
        ):
            self._move_to(partition, end_offset)
        return False  # else a new leader spoke before it knew where the log ends

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as failure:
            name = failure.args[0].name()
            raise ConfigError([f"topic {self._topic}: {name}"]) from None

    def _move_to(self, partition: int, offset: int) -> None:
        self.positions[partition] = offset
        if offset >= self._end_offsets[partition]:
            del self._end_offsets[partition]
            topic_partition = TopicPartition(self._topic, partition)
            self._consumer.incremental_unassign([topic_partition])

    def _assign(self) -> None:
        self._consumer.incremental_assign(
            [
                TopicPartition(self._topic, partition, self.positions[partition])
                for partition in self._end_offsets
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


def _partition_and_offset(message: Any) -> tuple[int, int]:  # noqa: ANN401 - confluent's types allow None
    return message.partition(), message.offset()
