"""Range of a topic's offsets, read from the first to the last."""

from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, Message

from agents.admin.topic_reader import (
    FOLLOW,
    ConsumerFactory,
    TopicReader,
    is_end,
    partition_and_offset,
)
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.replay.selection import ReplaySelection

POLL_S: Final = 0.5

PartitionBounds = dict[int, tuple[int, int]]
"""Partition → first offset, and the offset after the last."""

_OPTIONS: Final = {
    **FOLLOW,
    "auto.offset.reset": "earliest",
    "fetch.message.max.bytes": 16_000_000,
    "queued.max.messages.kbytes": 16_384,
}


class TopicRange:
    """Reader of a range of offsets in each partition of a topic, side by side.

    The last offsets of a partition may hold no record: markers of transactions, or
    records that were compacted away. So a partition counts as read when a record after
    the range arrives, or when Kafka reports the end of the log.

    Args:
        kafka: Broker addresses and credentials.
        topic: Name of the topic.
        create_consumer: Creates the consumer.

    Attributes:
        positions: Partition → next offset to read.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        topic: str,
        *,
        create_consumer: ConsumerFactory = Consumer,
    ) -> None:
        self._topic = topic
        self._reader = TopicReader(
            kafka, options=_OPTIONS, create_consumer=create_consumer
        )
        self._end_offsets: dict[int, int] = {}
        self.positions: dict[int, int] = {}

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._reader.close()

    def find_bounds(self, selection: ReplaySelection) -> PartitionBounds:
        """Return the offsets of a selection in the partitions that have any now.

        Raises:
            ConfigError: Kafka does not answer, or the topic or a partition does not
                exist.
        """
        existing = self._reader.partitions(self._topic)
        if missing := selection.offset_ranges.keys() - set(existing):
            last = len(existing) - 1
            raise ConfigError(
                [f"partition {min(missing)}: {self._topic} has 0 to {last}"]
            )
        partitions = list(selection.offset_ranges or existing)
        since = self._offsets_at(partitions, selection.since_ms)
        until = self._offsets_at(partitions, selection.until_ms)
        bounds: PartitionBounds = {}
        for partition in partitions:
            low, high = self._reader.watermarks(self._topic, partition)
            first, last_end = selection.offset_ranges.get(partition, (0, None))
            start = max(low, first, since.get(partition, low))
            end = min(
                high,
                high if last_end is None else last_end,
                until.get(partition, high),
            )
            if end > start:
                bounds[partition] = (start, end)
        return bounds

    def _offsets_at(self, partitions: list[int], time_ms: int | None) -> dict[int, int]:
        if time_ms is None:
            return {}
        return self._reader.offsets_at(self._topic, partitions, time_ms)

    def start(self, bounds: PartitionBounds, positions: Mapping[int, int]) -> None:
        """Assign the partitions that are still to be read.

        Args:
            bounds: Offsets of the range.
            positions: Next offset of each partition of which a part is read already.
        """
        self.positions = {
            p: positions.get(p, first) for p, (first, _) in bounds.items()
        }
        self._end_offsets = {
            p: end for p, (_, end) in bounds.items() if self.positions[p] < end
        }
        self._reader.assign(
            self._topic, {p: self.positions[p] for p in self._end_offsets}
        )

    @property
    def is_finished(self) -> bool:
        """Return True when the whole range is read."""
        return not self._end_offsets

    def read(self, count: int) -> list[Message]:
        """Return the next records; none if none arrives for a moment.

        Raises:
            ConfigError: Kafka reports an error.
        """
        if self.is_finished:
            return []
        messages = self._reader.poll(count, wait_s=POLL_S)
        return [message for message in messages if self._advance(message)]

    def _advance(self, message: Message) -> bool:
        """Move past a message; return True for a record of the range."""
        partition, offset = partition_and_offset(message)
        if partition not in self._end_offsets:
            return False
        end = self._end_offsets[partition]
        if not is_end(message) and offset < end:
            self._move_to(partition, offset + 1)
            return True
        if not is_end(message) or offset >= end or self._has_log_end_at(message):
            self._move_to(partition, end)
        return False

    def _has_log_end_at(self, message: Message) -> bool:
        """Return False if a new leader reports an end before the log's real end."""
        partition, offset = partition_and_offset(message)
        return offset >= self._reader.watermarks(self._topic, partition)[1]

    def _move_to(self, partition: int, offset: int) -> None:
        self.positions[partition] = offset
        if offset >= self._end_offsets[partition]:
            del self._end_offsets[partition]
            self._reader.unassign(self._topic, partition)
