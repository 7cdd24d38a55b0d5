"""A range of a topic whose broker answers late, or not for every partition."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from agents.admin.publisher import RecordPublisher
from agents.admin.replay.topic_range import PartitionBounds, TopicRange
from agents.engine import producer
from agents.engine.kafka import KafkaAccess
from agents.shared.embedded_broker import EmbeddedBroker
from streams.errors import ConfigError
from streams.replay.selection import ReplaySelection

RECORDS = 40


class SlowConsumer(Consumer):
    """Consumer that returns no message for the first 30 calls."""

    empty_reads = 30

    def consume(self, *args: Any, **kwargs: Any) -> list[Message]:  # noqa: ANN401 - confluent's own
        """See the same method of `Consumer`."""
        self.empty_reads -= 1
        return [] if self.empty_reads >= 0 else super().consume(*args, **kwargs)


class LostPartitionConsumer(Consumer):
    """Consumer whose broker does not know the times of the first partition."""

    def offsets_for_times(
        self,
        partitions: list[TopicPartition],
        *args: Any,  # noqa: ANN401 - confluent's own
        **kwargs: Any,  # noqa: ANN401 - confluent's own
    ) -> list[TopicPartition]:
        """See the same method of `Consumer`."""
        unknown = TopicPartition(partitions[0].topic, 99, partitions[0].offset)
        return super().offsets_for_times([unknown, *partitions[1:]], *args, **kwargs)


@pytest.fixture
def kafka() -> Iterator[KafkaAccess]:
    """Start a broker with a topic of two partitions."""
    with EmbeddedBroker() as broker:
        access = KafkaAccess(bootstrap=broker.bootstrap)
        broker.create_topics("source")
        RecordPublisher(access).publish(
            [
                producer.Message("source", None, b"%d" % number, [], number % 2)
                for number in range(RECORDS)
            ]
        )
        yield access


def _count_records(records: TopicRange, bounds: PartitionBounds) -> int:
    records.start(bounds, {})
    count = 0
    while not records.is_finished:
        count += len(records.read(10))
    return count


def test_late_records_are_not_missed(kafka: KafkaAccess) -> None:
    """Empty polls do not end the range."""
    with closing(TopicRange(kafka, "source", create_consumer=SlowConsumer)) as source:
        count = _count_records(
            source, source.find_bounds(ReplaySelection(topic="source"))
        )

    assert count == RECORDS


def test_a_log_that_lost_its_end_ends_at_its_end(kafka: KafkaAccess) -> None:
    """Offsets that are no longer in the log do not block the end of the range."""
    with closing(TopicRange(kafka, "source")) as source:
        count = _count_records(source, {0: (0, RECORDS), 1: (0, RECORDS // 2)})

    assert count == RECORDS


def test_an_end_reported_too_early_is_ignored(kafka: KafkaAccess) -> None:
    """A new leader may report an end before the log's real end."""

    class EarlyEndConsumer(Consumer):
        """Consumer whose broker first reports an end that is too early."""

        def get_watermark_offsets(
            self,
            partition: TopicPartition,
            *args: Any,  # noqa: ANN401 - confluent's own
            **kwargs: Any,  # noqa: ANN401 - confluent's own
        ) -> tuple[int, int]:
            """See the same method of `Consumer`."""
            RecordPublisher(kafka).publish(
                [producer.Message("source", None, b"", [], 0)]
            )
            super().get_watermark_offsets(partition, *args, **kwargs)
            return 0, RECORDS // 2 + 1

    with closing(
        TopicRange(kafka, "source", create_consumer=EarlyEndConsumer)
    ) as source:
        count = _count_records(source, {0: (0, RECORDS // 2 + 1)})

    assert count == RECORDS // 2 + 1


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param(ReplaySelection(topic="source", since_ms=1), id="since"),
        pytest.param(ReplaySelection(topic="source", until_ms=1), id="until"),
    ],
)
def test_a_partition_with_unknown_times_is_not_left_out(
    kafka: KafkaAccess, selection: ReplaySelection
) -> None:
    """An unknown time is an error, so the partition is not read as a whole either."""
    with (
        closing(
            TopicRange(kafka, "source", create_consumer=LostPartitionConsumer)
        ) as source,
        pytest.raises(ConfigError, match="partition 99: _UNKNOWN_PARTITION"),
    ):
        source.find_bounds(selection)
