"""Records read back with their Kafka timestamps, joined by their origin."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.delivery import outcome
from streams.events.canonical_event import ORIGIN_HEADER
from tests.benchmarks.backlog import ANSWER_S, RECORDS

Spot = str
"""`topic/partition/offset` of a source record."""

TRIES, RETRY_S = 10, 1.0

_OPTIONS = {"enable.auto.commit": False, "group.id": "bench.reading"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A record and when it was produced, milliseconds since the epoch."""

    spot: Spot
    at_ms: int
    origin: Spot
    value: bytes


def read(bootstrap: str, topic: str) -> list[Timed]:
    """Every record of a topic.

    Raises:
        TimeoutError: Kafka does not give them.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, **_OPTIONS})
    try:
        return list(_read(consumer, topic))
    finally:
        consumer.close()


def _read(consumer: Consumer, topic: str) -> Iterator[Timed]:
    found = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
    parts = [TopicPartition(topic, number, 0) for number in found.partitions]
    left = sum(_end(consumer, part) for part in parts)
    consumer.assign(parts)
    while left:
        messages = consumer.consume(RECORDS, timeout=ANSWER_S)
        if not messages:
            raise TimeoutError(f"{left} records of {topic} did not come")
        left -= len(messages)
        yield from map(_timed, messages)


def _end(consumer: Consumer, part: TopicPartition) -> int:
    """Ask for a partition's end; a busy broker may not lead it for a moment."""
    for _ in range(TRIES - 1):
        with suppress(KafkaException):
            return int(consumer.get_watermark_offsets(part, timeout=ANSWER_S)[1])
        time.sleep(RETRY_S)
    return int(consumer.get_watermark_offsets(part, timeout=ANSWER_S)[1])


def _timed(message: Any) -> Timed:  # noqa: ANN401 - its own types leave out what a record of ours has
    spot = f"{message.topic()}/{message.partition()}/{message.offset()}"
    headers = dict(message.headers() or [])
    return Timed(
        spot=spot,
        at_ms=message.timestamp()[1],
        origin=headers.get(ORIGIN_HEADER, spot.encode()).decode(),
        value=message.value() or b"",
    )


def by_origin(records: Sequence[Timed]) -> dict[Spot, int]:
    """Return the last time at which each source record was passed on."""
    found: dict[Spot, int] = {}
    for record in records:
        found[record.origin] = max(found.get(record.origin, 0), record.at_ms)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A source record's last outcome."""

    at_ms: int
    stage: str
    verdict: str


def ends(records: Sequence[Timed]) -> dict[Spot, End]:
    """The last outcome of each source record."""
    found: dict[Spot, End] = {}
    for record in sorted(records, key=lambda one: one.at_ms):
        said = outcome.decode_outcome(record.value)
        for item in said.items:
            found[str(item.origin)] = End(
                at_ms=record.at_ms, stage=said.stage, verdict=item.verdict
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Distribution of durations in seconds."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


def spread(waits_s: Sequence[float]) -> Spread | None:
    """Percentiles by the nearest rank; None of nothing."""
    if not waits_s:
        return None
    ranked = sorted(waits_s)
    return Spread(
        count=len(ranked),
        p50_s=_at(ranked, 0.50),
        p99_s=_at(ranked, 0.99),
        max_s=ranked[-1],
    )


def _at(ranked: Sequence[float], share: float) -> float:
    return ranked[max(0, ceil(share * len(ranked)) - 1)]
