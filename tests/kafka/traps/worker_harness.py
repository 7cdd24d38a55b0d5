"""Topics, consumer group and workers of one test."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.cimpl import NewTopic

from tests.brokers.interface import Broker, admin, group_members
from tests.kafka.traps.job import DONE, WAIT_TIMEOUT_S, Entry, Job, read_entries
from tests.kafka.traps.process import WorkerProcess

_POLL_S = 0.05
_TIMEOUT_S = 10.0

COMPACTED = {"cleanup.policy": "compact"}


T = TypeVar("T")


def _retry(query: Callable[[], T]) -> T:
    """Return the answer; retry while the broker moves its coordinators."""
    deadline_s = time.monotonic() + WAIT_TIMEOUT_S
    while True:
        try:
            return query()
        except (KafkaException, KeyError):
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_POLL_S)


class WorkerHarness:
    """Topics under one prefix, the workers that read them, and their results."""

    def __init__(self, broker: Broker, *, prefix: str, home: Path) -> None:
        self.broker = broker
        self.base_job = Job(
            name="", stage="", bootstrap=broker.bootstrap, prefix=prefix, home=str(home)
        )
        self.partitions = 1
        self.workers: list[WorkerProcess] = []
        self._admin = admin(broker.bootstrap)
        self._consumer = Consumer(
            {"bootstrap.servers": broker.bootstrap, "group.id": self.base_job.group}
        )

    def create_topics(
        self, *, partitions: int = 1, changelog: Mapping[str, str] | None = None
    ) -> None:
        """Create the source topic and the changelog."""
        self.partitions = partitions
        self.broker.create_topics(self.base_job.source, partitions=partitions)
        self.create_changelog(changelog)

    def create_changelog(self, config: Mapping[str, str] | None = None) -> None:
        """Create the compacted changelog topic."""
        self.broker.create_topics(
            self.base_job.changelog,
            partitions=self.partitions,
            config={**COMPACTED, **(config or {})},
        )

    def move_changelog(self) -> int:
        """Create the changelog again, on a node that leads neither source nor group."""
        self.delete_changelog()
        busy_nodes = {self.leader(self.base_job.source), self._coordinator_node()}
        node = min({0, 1, 2} - busy_nodes)
        new_topic = NewTopic(
            self.base_job.changelog,
            num_partitions=1,
            replica_assignment=[[node + 1]],
            config={**COMPACTED, "min.insync.replicas": "1"},
        )
        created = self._admin.create_topics([new_topic])
        created[self.base_job.changelog].result(WAIT_TIMEOUT_S)
        self.wait_until(lambda: self.leader(self.base_job.changelog) == node)
        return node

    def _coordinator_node(self) -> int:
        """Return the node that coordinates the group, after a first commit."""
        start = [TopicPartition(self.base_job.source, 0, 0)]
        _retry(partial(self._consumer.commit, offsets=start, asynchronous=False))
        group = _retry(partial(group_members, self._admin, self.base_job.group))
        return group.coordinator - 1

    def delete_changelog(self) -> None:
        """Delete the changelog; return when it is gone."""
        name = self.base_job.changelog
        self._admin.delete_topics([name])[name].result(WAIT_TIMEOUT_S)
        self.wait_until(lambda: name not in self._admin.list_topics(timeout=60).topics)

    def leader(self, topic: str) -> int:
        """Return the node, counted from 0, that leads the topic's first partition."""

        def query() -> int:
            metadata = self._admin.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
            return metadata.partitions[0].leader - 1

        return _retry(query)

    def produce(
        self, values: Sequence[bytes], *, users: int = 10**9, codec: str = "none"
    ) -> None:
        """Append records round-robin, with the keys of a number of users in turn."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.base_job.bootstrap,
            "compression.type": codec,
            "linger.ms": 20,
        }
        producer = Producer(settings)
        for number, value in enumerate(values):
            key = b"%d" % (number % users)
            partition = number % self.partitions
            producer.produce(self.base_job.source, value, key, partition=partition)
            producer.poll(0)
        assert producer.flush(WAIT_TIMEOUT_S) == 0

    def start(self, program: str, stage: str, **job_fields: Any) -> WorkerProcess:  # noqa: ANN401 - the fields of Job
        """Start a worker process on the harness's topics."""
        job_fields = {"name": f"w{len(self.workers)}", "stage": stage} | job_fields
        worker = WorkerProcess(
            program, msgspec.structs.replace(self.base_job, **job_fields)
        )
        self.workers.append(worker)
        return worker

    def wait_until(
        self, condition: Callable[[], object], *, within_s: float = WAIT_TIMEOUT_S
    ) -> None:
        """Wait until the condition is true.

        Raises:
            AssertionError: It is not met in time; the workers' logs are in it.
        """
        deadline_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"not within {within_s:.0f} s\n{self._logs()}")
            time.sleep(_POLL_S)

    def sleep(self, seconds: float) -> None:
        """Sleep in a test about time itself."""
        time.sleep(seconds)

    def entries(self, kind: str = DONE) -> list[Entry]:
        """Return the journal entries of a kind."""
        return [
            entry for entry in read_entries(self.base_job.home) if entry.kind == kind
        ]

    def locations(self, kind: str = DONE) -> set[tuple[int, int]]:
        """Return partition and offset of each journal entry of a kind."""
        return {(entry.partition, entry.offset) for entry in self.entries(kind)}

    def committed_offsets(self) -> list[int]:
        """Return the committed offset of each partition; 0 without a commit."""
        query = partial(
            self._consumer.committed, self._topic_partitions(), timeout=_TIMEOUT_S
        )
        return [max(topic_partition.offset, 0) for topic_partition in _retry(query)]

    def end_offsets(self, topic: str | None = None) -> list[int]:
        """Return the end offset of each partition."""
        query = partial(self._consumer.get_watermark_offsets, timeout=_TIMEOUT_S)
        topic_partitions = self._topic_partitions(topic)
        return [
            _retry(partial(query, topic_partition))[1]
            for topic_partition in topic_partitions
        ]

    def member_count(self) -> int:
        """Return the number of members of the group."""
        query = partial(group_members, self._admin, self.base_job.group)
        return len(_retry(query).ids)

    def changelog_rows(self) -> dict[bytes, bytes]:
        """Return the latest value of each key in the changelog."""
        consumer = self._consumer
        topic_partitions = self._topic_partitions(self.base_job.changelog)
        consumer.assign(
            [TopicPartition(p.topic, p.partition, 0) for p in topic_partitions]
        )
        latest: dict[bytes, bytes] = {}
        remaining = sum(self.end_offsets(self.base_job.changelog))
        while remaining:
            records = consumer.consume(min(remaining, 5_000), WAIT_TIMEOUT_S)
            assert records
            remaining -= len(records)
            latest |= {r.key() or b"": r.value() or b"" for r in records}
        return latest

    def _logs(self) -> str:
        tails = [f"{w.job.name} ({w.exit_code}): {w.log[-2000:]}" for w in self.workers]
        return "\n".join(tails)

    def close(self) -> None:
        """End every worker and client."""
        for worker in self.workers:
            worker.close()
        self._consumer.close()

    def _topic_partitions(self, topic: str | None = None) -> list[TopicPartition]:
        name = topic or self.base_job.source
        return [TopicPartition(name, number) for number in range(self.partitions)]
