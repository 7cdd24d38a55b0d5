"""Backlogs: publishing, and waiting until a consumer group has no lag."""

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.benchmarks.processes import Command
from tests.benchmarks.workload import Published

STEP_S = 0.1
ANSWER_S = 10.0
FLUSH_S = 60.0
RECORDS = 10_000


def publish(bootstrap: str, topic: str, records: Sequence[Published]) -> None:
    """Append all of it; durable on return.

    Raises:
        TimeoutError: Kafka does not take it.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 20,
            "queue.buffering.max.messages": 0,
        }
    )
    for record in records:
        producer.produce(
            topic,
            record.value,
            record.key,
            partition=record.partition,
            headers=record.headers,
        )
        producer.poll(0)
    if producer.flush(FLUSH_S):
        raise TimeoutError("Kafka did not take the backlog")


class Backlog:
    """Records of a topic that a consumer group has not finished."""

    def __init__(self, bootstrap: str, *, group: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
            }
        )
        found = self._consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
        self._partitions = [TopicPartition(topic, p) for p in found.partitions]

    def left(self) -> int:
        """Number of records without a commit."""
        ends = self._ends()
        committed = self._consumer.committed(self._partitions, timeout=ANSWER_S)
        return sum(ends[tp.partition] - max(tp.offset, 0) for tp in committed)

    def read(self) -> list[Published]:
        """Every record, finished or not.

        Raises:
            TimeoutError: Kafka does not give them.
        """
        count = sum(self._ends().values())
        first = [TopicPartition(t.topic, t.partition, 0) for t in self._partitions]
        self._consumer.assign(first)
        records: list[Published] = []
        while len(records) < count:
            found = self._consumer.consume(RECORDS, timeout=ANSWER_S)
            if not found:
                raise TimeoutError(f"{len(records)} of {count} records came")
            records += map(_published, found)
        return records

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._consumer.close()

    def _ends(self) -> dict[int, int]:
        return {
            tp.partition: self._consumer.get_watermark_offsets(tp, timeout=ANSWER_S)[1]
            for tp in self._partitions
        }


def _published(message: Any) -> Published:  # noqa: ANN401 - its own types leave out what a record of ours has
    return Published(
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
        partition=message.partition(),
    )


def await_empty(
    backlogs: Sequence[Backlog], worker: Command, *, within_s: float
) -> None:
    """Wait until nothing is left, the first backlog first: it fills the next.

    Raises:
        TimeoutError: It takes too long.
    """
    deadline_s = time.monotonic() + within_s
    for backlog in backlogs:
        while left := backlog.left():
            worker.check()
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"{left} records left after {within_s:.0f} s")
            time.sleep(STEP_S)
