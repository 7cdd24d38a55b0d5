"""A range on a broker in this process that answers late, or not for all of it."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, TopicPartition

from agents.embedded import EmbeddedBroker
from agents.engine import producer
from agents.engine.kafka import KafkaAccess
from agents.reentry import Publisher
from agents.replaying import ranges
from agents.replaying.ranges import Range
from streams.errors import ConfigError
from streams.replay.selection import Selection

MANY = 40


class Slow(Consumer):
    """Gives nothing for long."""

    left = 30

    def consume(self, *args: Any, **kwargs: Any) -> list[Message]:  # noqa: ANN401 - confluent's own
        """See `Consumer`."""
        self.left -= 1
        return [] if self.left >= 0 else super().consume(*args, **kwargs)


class Limping(Consumer):
    """Doesn't know when the first partition was written."""

    def offsets_for_times(
        self,
        partitions: list[TopicPartition],
        *args: Any,  # noqa: ANN401 - confluent's own
        **kwargs: Any,  # noqa: ANN401 - confluent's own
    ) -> list[TopicPartition]:
        """See `Consumer`."""
        lost = TopicPartition(partitions[0].topic, 99, partitions[0].offset)
        return super().offsets_for_times([lost, *partitions[1:]], *args, **kwargs)


@pytest.fixture
def kafka() -> Iterator[KafkaAccess]:
    """A topic of two partitions with records."""
    with EmbeddedBroker() as broker:
        access = KafkaAccess(bootstrap=broker.bootstrap)
        broker.create_topics("source")
        Publisher(access).publish(
            [
                producer.Message("source", None, b"%d" % number, [], number % 2)
                for number in range(MANY)
            ]
        )
        yield access


def _read(source: Range, ends: ranges.Ends) -> int:
    source.begin(ends, {})
    count = 0
    while not source.is_over:
        count += len(source.read(10))
    return count


def test_what_comes_late_is_not_taken_for_gone(kafka: KafkaAccess) -> None:
    """However often the broker gives nothing before."""
    with closing(Range(kafka, "source", connect=Slow)) as source:
        count = _read(source, source.ends(Selection(topic="source")))

    assert count == MANY


def test_a_log_that_lost_its_end_ends_where_it_does(kafka: KafkaAccess) -> None:
    """Nothing will come of offsets that are no longer there."""
    with closing(Range(kafka, "source")) as source:
        count = _read(source, {0: (0, MANY), 1: (0, MANY // 2)})

    assert count == MANY


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
            Publisher(kafka).publish([producer.Message("source", None, b"", [], 0)])
            super().get_watermark_offsets(partition, *args, **kwargs)
            return 0, MANY // 2 + 1

    with closing(Range(kafka, "source", connect=Early)) as source:
        count = _read(source, {0: (0, MANY // 2 + 1)})

    assert count == MANY // 2 + 1


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param(Selection(topic="source", since_ms=1), id="since"),
        pytest.param(Selection(topic="source", until_ms=1), id="until"),
    ],
)
def test_a_partition_whose_times_nobody_knows_is_not_left_out(
    kafka: KafkaAccess, selection: Selection
) -> None:
    """Nor taken whole."""
    with (
        closing(Range(kafka, "source", connect=Limping)) as source,
        pytest.raises(ConfigError, match="partition 99: _UNKNOWN_PARTITION"),
    ):
        source.ends(selection)
