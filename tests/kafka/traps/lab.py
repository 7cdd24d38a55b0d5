"""One test's topics, group and workers."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.cimpl import NewTopic

from tests.brokers.face import Broker, admin, members
from tests.kafka.traps.job import DONE, WITHIN_S, Entry, Job, entries
from tests.kafka.traps.process import Worker

_POLL_S = 0.05
_ANSWER_S = 10.0

COMPACTED = {"cleanup.policy": "compact"}


T = TypeVar("T")


def _insisting(ask: Callable[[], T]) -> T:
    """The answer; asked again while the broker has its coordinators elsewhere."""
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        try:
            return ask()
        except (KafkaException, KeyError):
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_POLL_S)


class Lab:
    """Topics under one prefix, the workers that read them, and what became of it."""

    def __init__(self, broker: Broker, *, prefix: str, home: Path) -> None:
        self.broker = broker
        self.base = Job(
            name="", hop="", bootstrap=broker.bootstrap, prefix=prefix, home=str(home)
        )
        self.partitions = 1
        self.workers: list[Worker] = []
        self._admin = admin(broker.bootstrap)
        self._asker = Consumer(
            {"bootstrap.servers": broker.bootstrap, "group.id": self.base.group}
        )

    def lay_out(
        self, *, partitions: int = 1, changelog: Mapping[str, str] | None = None
    ) -> None:
        """Create the source topic and the changelog."""
        self.partitions = partitions
        self.broker.create_topics(self.base.source, partitions=partitions)
        self.create_changelog(changelog)

    def create_changelog(self, config: Mapping[str, str] | None = None) -> None:
        """Create the changelog topic, compacted."""
        self.broker.create_topics(
            self.base.changelog,
            partitions=self.partitions,
            config={**COMPACTED, **(config or {})},
        )

    def move_changelog(self) -> int:
        """Make it anew, on one node that neither leads the source nor the group."""
        self.delete_changelog()
        taken = {self.leader(self.base.source), self._coordinator()}
        node = min({0, 1, 2} - taken)
        new = NewTopic(
            self.base.changelog,
            num_partitions=1,
            replica_assignment=[[node + 1]],
            config={**COMPACTED, "min.insync.replicas": "1"},
        )
        self._admin.create_topics([new])[self.base.changelog].result(_ANSWER_S)
        self.until(lambda: self.leader(self.base.changelog) == node)
        return node

    def _coordinator(self) -> int:
        """The node that has the group, which is there once it has committed."""
        start = [TopicPartition(self.base.source, 0, 0)]
        _insisting(partial(self._asker.commit, offsets=start, asynchronous=False))
        found = _insisting(partial(members, self._admin, self.base.group))
        return found.coordinator - 1

    def delete_changelog(self) -> None:
        """Delete it; return when it is gone."""
        name = self.base.changelog
        self._admin.delete_topics([name])[name].result(_ANSWER_S)
        self.until(lambda: name not in self._admin.list_topics(timeout=5).topics)

    def leader(self, topic: str) -> int:
        """The node, counted from 0, that leads the topic's first partition."""

        def ask() -> int:
            found = self._admin.list_topics(topic, timeout=_ANSWER_S).topics[topic]
            return found.partitions[0].leader - 1

        return _insisting(ask)

    def produce(
        self, values: Sequence[bytes], *, users: int = 10**9, codec: str = "none"
    ) -> None:
        """Append records round-robin, of so many users in turn."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.base.bootstrap,
            "compression.type": codec,
            "linger.ms": 20,
        }
        producer = Producer(settings)
        for number, value in enumerate(values):
            key = b"%d" % (number % users)
            partition = number % self.partitions
            producer.produce(self.base.source, value, key, partition=partition)
            producer.poll(0)
        assert producer.flush(WITHIN_S) == 0

    def start(self, program: str, hop: str, **orders: Any) -> Worker:  # noqa: ANN401 - the fields of Job
        """Start a worker."""
        orders = {"name": f"w{len(self.workers)}", "hop": hop} | orders
        worker = Worker(program, msgspec.structs.replace(self.base, **orders))
        self.workers.append(worker)
        return worker

    def until(self, met: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: It is not met in time; the workers' logs are in it.
        """
        deadline_s = time.monotonic() + within_s
        while not met():
            if time.monotonic() > deadline_s:
                raise AssertionError(f"not within {within_s:.0f} s\n{self._logs()}")
            time.sleep(_POLL_S)

    def rest(self, seconds: float) -> None:
        """Let time pass, where time itself is what is tested."""
        time.sleep(seconds)

    def entries(self, what: str = DONE) -> list[Entry]:
        """What the workers said of this kind."""
        return [entry for entry in entries(self.base.home) if entry.what == what]

    def seen(self, what: str = DONE) -> set[tuple[int, int]]:
        """Partition and offset of each."""
        return {(entry.partition, entry.offset) for entry in self.entries(what)}

    def committed(self) -> list[int]:
        """Committed offset of each partition; 0 when there is none."""
        ask = partial(self._asker.committed, self._places(), timeout=_ANSWER_S)
        return [max(place.offset, 0) for place in _insisting(ask)]

    def ends(self, topic: str | None = None) -> list[int]:
        """End offset of each partition."""
        ask = partial(self._asker.get_watermark_offsets, timeout=_ANSWER_S)
        places = self._places(topic)
        return [_insisting(partial(ask, place))[1] for place in places]

    def members(self) -> int:
        """How many members the group has."""
        ask = partial(members, self._admin, self.base.group)
        return len(_insisting(ask).ids)

    def rows(self) -> dict[bytes, bytes]:
        """Latest value of each key in the changelog."""
        reader = self._asker
        changes = self._places(self.base.changelog)
        reader.assign([TopicPartition(p.topic, p.partition, 0) for p in changes])
        latest: dict[bytes, bytes] = {}
        left = sum(self.ends(self.base.changelog))
        while left:
            records = reader.consume(min(left, 5_000), WITHIN_S)
            assert records
            left -= len(records)
            latest |= {r.key() or b"": r.value() or b"" for r in records}
        return latest

    def _logs(self) -> str:
        tails = [f"{w.job.name} ({w.code}): {w.log[-2000:]}" for w in self.workers]
        return "\n".join(tails)

    def close(self) -> None:
        """End every worker and client."""
        for worker in self.workers:
            worker.close()
        self._asker.close()

    def _places(self, topic: str | None = None) -> list[TopicPartition]:
        name = topic or self.base.source
        return [TopicPartition(name, number) for number in range(self.partitions)]
