"""Source records read again, by where they lie."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.events.origin import Origin

TIMEOUT_S = 30.0
RECORDS = 10_000

NEAR = 20_000
"""Records that are rather read over than jumped over: less than a fetch has."""


def read_sources(
    kafka: KafkaAccess, origins: Iterable[Origin]
) -> Iterator[tuple[Origin, Message]]:
    """Read source records, each partition once and in order.

    Those that Kafka has no more, by retention, compaction or a topic made anew, are
    left out.

    Raises:
        ConfigError: Kafka does not answer.
    """
    wanted: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
    for one in origins:
        wanted[one.topic, one.partition].add(one.offset)
    consumer = Consumer(
        kafka.librdkafka()
        | {
            "group.id": "klaviyo-streams.reading",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "latest",
        }
    )
    try:
        for (topic, partition), offsets in sorted(wanted.items()):
            for message in _partition(consumer, topic, partition, sorted(offsets)):
                offset = message.offset() or 0
                yield Origin(topic=topic, partition=partition, offset=offset), message
    except KafkaException as refused:
        raise ConfigError([f"kafka: {refused.args[0].name()}"]) from None
    finally:
        consumer.close()


def _partition(
    consumer: Consumer, topic: str, partition: int, offsets: list[int]
) -> Iterator[Message]:
    known = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    if partition not in known:
        return
    place = TopicPartition(topic, partition)
    first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
    for run in _runs([one for one in offsets if first <= one < end]):
        consumer.assign([TopicPartition(topic, partition, run[0])])
        yield from _run(consumer, run)


def _runs(offsets: list[int]) -> Iterator[list[int]]:
    """Part them where a jump is quicker than to read on."""
    run: list[int] = []
    for offset in offsets:
        if run and offset - run[-1] > NEAR:
            yield run
            run = []
        run.append(offset)
    if run:
        yield run


def _run(consumer: Consumer, run: list[int]) -> Iterator[Message]:
    wanted, at, last = set(run), run[0], run[-1]
    while at <= last:
        some = min(RECORDS, last - at + 1)  # with fewer to come it would wait for more
        for message in consumer.consume(some, timeout=1.0):
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name in the library's documentation
                    return
                continue
            at = (message.offset() or 0) + 1
            if at - 1 in wanted:
                yield message
