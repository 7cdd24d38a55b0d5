"""The whole journey of one test: topics, workers, a sandbox, and what became of it."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, Message, Producer

from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.events.canonical_event import Origin
from streams.settings import Settings, load_settings
from streams.settings.model import LaneId
from tests.brokers.interface import Broker, admin
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.topics import (
    DeadLetterRow,
    Group,
    Outcomes,
    Tail,
    read_dead_letters,
)
from tests.journeys.worker import Worker

API_KEY = "pk_0fThisTestOnly" + "7" * 16
"""No log may show it."""

WITHIN_S = 240.0
"""How long a test waits for what must happen: a loaded machine of two cores."""

LONG = bool(os.environ.get("KLAVIYO_STREAMS_TESTS_LONG"))
"""Play the fault matrix for minutes instead of seconds, with ten kills for three."""

SHORTEST_SESSION_S = 6.0
"""Kafka's `group.min.session.timeout.ms`."""

UNPACED = 100
"""The sandbox has no quotas here: nothing but this says what it takes."""

_POLL_S = 0.1

Record = tuple[str, bytes | None]
"""Key and value."""


class Pipeline:
    """Workers of one application, between a broker and a sandbox.

    Args:
        broker: The broker of the run.
        klaviyo: Where the workers deliver.
        prefix: Of topics and groups; this test's alone.
        home: For logs and tables.
    """

    def __init__(
        self, broker: Broker, *, klaviyo: Klaviyo, prefix: str, home: Path
    ) -> None:
        self.broker = broker
        self.klaviyo = klaviyo
        self.source = f"{prefix}source"
        self.workers: dict[str, Worker] = {}
        self.home = home
        self._lagging_group: Group | None = None
        self._environ = _environ(
            {
                "kafka_bootstrap_servers": broker.bootstrap,
                "klaviyo_url": klaviyo.url,
                "app_id": prefix.rstrip("."),
                "topic_prefix": prefix,
                "source_topics": self.source,
                "topic_partitions": 4,
                "klaviyo_quota_scale": UNPACED,
                "web_port": 0,
            }
        )

    def run(self, *, workers: int = 1, **settings: object) -> "Pipeline":
        """Make the topics, start the workers, return when they share the work."""
        self._environ |= _named(settings)
        ensure_topics(kafka_access(self.settings), self.settings)
        topics, app = self.settings.topics, self.settings.app_id
        bootstrap = self.settings.kafka_bootstrap_servers
        self.outcomes = Outcomes(bootstrap, topics.outcomes)
        self._deadletters = Tail(bootstrap, topics.deadletters)
        self.dead_letters: list[DeadLetterRow] = []
        reads = {
            "intake": self.source,
            "activate": topics.events,
            "release": topics.held_events,
            "list_resolver": topics.list_requests,
            **{f"deliver.{lane}": topics.activations[lane] for lane in LaneId},
        }
        client = admin(bootstrap)
        self.groups = {
            name: Group(client, bootstrap, f"{app}.{name}", [topic])
            for name, topic in reads.items()
        }
        for number in range(workers):
            self.start(f"w{number}")
        self.await_members(workers)
        return self

    @property
    def settings(self) -> Settings:
        """Settings of the workers as environment variables."""
        return load_settings(self._environ)

    @property
    def environ(self) -> Mapping[str, str]:
        """The same as an environment, for commands."""
        return self._environ

    def start(self, name: str, **settings: object) -> Worker:
        """Start a worker, or start it again with the table it left."""
        own = _named({"data_dir": self.home / name, **settings})
        worker = Worker(name, environ=self._environ | own, home=self.home)
        self.workers[name] = worker
        return worker

    def await_members(self, count: int) -> dict[str, frozenset[str]]:
        """Return when every group has so many members and is stable; who they are."""
        found: dict[str, frozenset[str]] = {}

        def met() -> bool:
            found.update({name: one.members for name, one in self.groups.items()})
            return all(len(members) == count for members in found.values())

        self.until(met)
        return found

    @property
    def standing(self) -> tuple[dict[str, frozenset[str]], int]:
        """Return the members of each group and the number of lane revocations."""
        members = {name: group.members for name, group in self.groups.items()}
        workers = self.workers.values()
        return members, sum(len(one.events("partitions_revoked")) for one in workers)

    @property
    def rss_bytes(self) -> int:
        """Resident memory of all workers."""
        return sum(worker.rss_bytes for worker in self.workers.values())

    def watch(self, seconds: float) -> int:
        """Sleep, and return the highest memory use seen."""
        until_s = time.monotonic() + seconds
        seen = [self.rss_bytes]

        def over() -> bool:
            seen.append(self.rss_bytes)
            return time.monotonic() > until_s

        self.until(over, within_s=seconds + WITHIN_S)
        return max(seen)

    def publish(self, records: Iterable[Record], *, topic: str = "") -> list[Origin]:
        """Append records to the source topic, or another; where each landed."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.settings.kafka_bootstrap_servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": 16_000_000,
            "linger.ms": 5,
        }
        producer, landed = Producer(options), dict[int, Origin]()

        def report(number: int, error: object, message: Message) -> None:
            assert error is None, error
            landed[number] = _origin(message)

        for number, (key, value) in enumerate(records):
            done = partial(report, number)
            producer.produce(
                topic or self.source, value, key.encode(), on_delivery=done
            )
            producer.poll(0)
        assert producer.flush(WITHIN_S) == 0
        return [landed[number] for number in sorted(landed)]

    def await_outcomes(
        self, origins: Iterable[Origin], *, within_s: float = WITHIN_S
    ) -> None:
        """Return when each of these source records has an outcome."""
        pending = {origin for origin in origins if origin not in self.outcomes.of}

        def met() -> bool:
            pending.difference_update(self.outcomes.read())
            return not pending

        self.until(met, within_s=within_s)

    def await_quiet(
        self, origins: Iterable[Origin], *, within_s: float = WITHIN_S
    ) -> None:
        """Wait until each origin has an outcome and no stage has any lag."""
        self.await_outcomes(origins, within_s=within_s)
        self.until(lambda: not self.lagging, within_s=within_s)
        self.outcomes.read()

    @property
    def lagging(self) -> bool:
        """Return True if a stage has lag or its lag is unknown.

        The stage that had lag the last time is asked first. All stages are asked, in
        the order of the journey, before the answer is False.
        """
        try:
            if self._lagging_group is not None and self._lagging_group.lag:
                return True
            lagging = (group for group in self.groups.values() if group.lag)
            self._lagging_group = next(lagging, None)
        except KafkaException:  # a partition's leader or coordinator is away
            return True
        return self._lagging_group is not None

    def await_dead_letters(self, count: int) -> list[DeadLetterRow]:
        """Return when there are so many dead letters; all there are."""

        def met() -> bool:
            self.dead_letters += read_dead_letters(self._deadletters)
            return len(self.dead_letters) >= count

        self.until(met)
        return self.dead_letters

    def until(self, met: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
        """Wait for a condition.

        Raises:
            AssertionError: It is not met in time; the ends of the logs are in it.
        """
        deadline_s = time.monotonic() + within_s
        while not met():
            if time.monotonic() > deadline_s:
                logs = "\n".join(one.log[-1500:] for one in self.workers.values())
                said = f"not within {within_s:.0f} s; lags {self._lags()}"
                raise AssertionError(f"{said}\n{logs}")
            time.sleep(_POLL_S)

    def _lags(self) -> dict[str, int] | str:
        try:
            return {name: stage.lag for name, stage in self.groups.items()}
        except KafkaException as fault:
            return str(fault)

    def close(self) -> None:
        """End every worker and client."""
        for worker in self.workers.values():
            worker.kill()
        if self.workers:
            for group in self.groups.values():
                group.close()
            # An admin client logs through Python. Let go of once its broker is gone,
            # it logs that from its own thread, and each waits for the other for good.
            self.groups.clear()
            self._lagging_group = None
            self.outcomes.close()
            self._deadletters.close()

    def check_logs(self) -> None:
        """No key, no person, no traceback in any of them."""
        for worker in self.workers.values():
            log = worker.log
            for secret in (API_KEY, "@example.com", "Traceback"):
                before, found, after = log.partition(secret)
                assert not found, f"{worker.name}: {before[-400:]}{found}{after[:4000]}"


def _environ(settings: Mapping[str, object]) -> dict[str, str]:
    """Return the process environment with only the test's own project variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KLAVIYO_")}
    return kept | {"KLAVIYO_API_KEY": API_KEY} | _named(settings)


def _named(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"KLAVIYO_STREAMS_{k.upper()}": str(v) for k, v in settings.items()}


def _origin(message: Message) -> Origin:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return Origin(topic=topic, partition=partition, offset=offset)
