"""A range on a broker in this process that answers late, or not for all of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from agents.admin.replay import topic_range
from agents.admin.replay.topic_range import TopicRange
from agents.engine import producer
from agents.engine.kafka import KafkaAccess
from agents.shared.embedded_broker import EmbeddedBroker
from agents.shared.reprocess import RecordPublisher
from streams.errors import ConfigError
from streams.replay.selection import ReplaySelection

RECORDS = 40


class SlowConsumer(Consumer):
    """Gives nothing for long."""

    empty_reads = 30

    def consume(self, *args: Any, **kwargs: Any) -> list[Message]:  # noqa: ANN401 - confluent's own
        """See `Consumer`."""
        self.empty_reads -= 1
        return [] if self.empty_reads >= 0 else super().consume(*args, **kwargs)


class LostPartitionConsumer(Consumer):
    """Doesn't know when the first partition was written."""

    def offsets_for_times(
        self,
        partitions: list[TopicPartition],
        *args: Any,  # noqa: ANN401 - confluent's own
        **kwargs: Any,  # noqa: ANN401 - confluent's own
    ) -> list[TopicPartition]:
        """See `Consumer`."""
        unknown = TopicPartition(partitions[0].topic, 99, partitions[0].offset)
        return super().offsets_for_times([unknown, *partitions[1:]], *args, **kwargs)


@pytest.fixture
def kafka() -> Iterator[KafkaAccess]:
    """A topic of two partitions with records."""
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


def _count_records(topic_range: TopicRange, bounds: topic_range.PartitionBounds) -> int:
    topic_range.start(bounds, {})
    count = 0
    while not topic_range.is_finished:
        count += len(topic_range.read(10))
    return count


def test_what_comes_late_is_not_taken_for_gone(kafka: KafkaAccess) -> None:
    """However often the broker gives nothing before."""
    with closing(TopicRange(kafka, "source", create_consumer=SlowConsumer)) as source:
        count = _count_records(
            source, source.find_bounds(ReplaySelection(topic="source"))
        )

    assert count == RECORDS


def test_a_log_that_lost_its_end_ends_where_it_does(kafka: KafkaAccess) -> None:
    """Nothing will come of offsets that are no longer there."""
    with closing(TopicRange(kafka, "source")) as source:
        count = _count_records(source, {0: (0, RECORDS), 1: (0, RECORDS // 2)})

    assert count == RECORDS


def test_a_log_that_only_seems_to_end_is_read_on(kafka: KafkaAccess) -> None:
    """A new leader says so before it knows where the log ends."""

    class Early(Consumer):
        """Knows of one record more when it is asked."""

        def get_watermark_offsets(
            self,
            partition: TopicPartition,
            *args: Any,  # noqa: ANN401 - confluent's own
            **kwargs: Any,  # noqa: ANN401 - confluent's own
        ) -> tuple[int, int]:
            """See `Consumer`."""
            RecordPublisher(kafka).publish(
                [producer.Message("source", None, b"", [], 0)]
            )
            super().get_watermark_offsets(partition, *args, **kwargs)
            return 0, RECORDS // 2 + 1

    with closing(TopicRange(kafka, "source", create_consumer=Early)) as source:
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
    """Nor taken whole."""
    with (
        closing(
            TopicRange(kafka, "source", create_consumer=LostPartitionConsumer)
        ) as source,
        pytest.raises(ConfigError, match="partition 99: _UNKNOWN_PARTITION"),
    ):
        source.find_bounds(selection)
