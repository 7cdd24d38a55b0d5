"""Sample of the last records of a topic, for commands."""

import time
from contextlib import closing
from typing import Final

from agents.admin.topic_reader import (
    POLL_S,
    TopicReader,
    headers_of,
    is_end,
    partition_and_offset,
)
from agents.engine.kafka import KafkaAccess
from streams.events.canonical_event import Origin
from streams.events.formats.source_record import SourceRecord

SAMPLE_S: Final = 4.0
"""Longest time to read: with the first contact a command stays below 10 s."""


def sample_topic(kafka: KafkaAccess, topic: str, count: int) -> list[SourceRecord]:
    """Return the last records of a topic, evenly from its partitions.

    Args:
        kafka: Broker addresses and credentials.
        topic: Name of the topic.
        count: Largest number of records.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """
    with closing(TopicReader(kafka, timeout_s=SAMPLE_S)) as reader:
        partitions = reader.partitions(topic)
        share = -(-count // len(partitions))
        marks = {number: reader.watermarks(topic, number) for number in partitions}
        starts = {n: max(first, end - share) for n, (first, end) in marks.items()}
        pending = {n for n, (_, end) in marks.items() if end > starts[n]}
        reader.assign(topic, {n: starts[n] for n in pending})
        return _read(reader, pending, count)


def _read(reader: TopicReader, pending: set[int], count: int) -> list[SourceRecord]:
    """Return records until each partition has ended, or time is over."""
    records: list[SourceRecord] = []
    deadline_s = time.monotonic() + SAMPLE_S
    while pending and len(records) < count and time.monotonic() < deadline_s:
        for message in reader.poll(count, wait_s=POLL_S):
            partition, offset = partition_and_offset(message)
            if is_end(message):
                pending.discard(partition)
                continue
            origin = Origin(
                topic=message.topic() or "", partition=partition, offset=offset
            )
            records.append(
                SourceRecord(
                    origin=origin,
                    time_ms=message.timestamp()[1],
                    key=message.key(),
                    value=message.value(),
                    headers=dict(headers_of(message)),
                )
            )
    return records[:count]
