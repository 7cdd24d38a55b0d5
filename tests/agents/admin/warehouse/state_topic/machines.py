"""Machines with one sync: a data directory each, one Kafka, and one DuckDB table."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import orjson
from confluent_kafka import Consumer, TopicPartition

from agents.admin.publisher import RecordPublisher
from agents.admin.warehouse.runner import SyncRunner
from agents.admin.warehouse.state_topic.fenced_producer import FencedProducer
from agents.admin.warehouse.state_topic.lease import hold_lease
from agents.admin.warehouse.state_topic.state_reader import StateReader
from agents.admin.warehouse.state_topic.topics import StateTopics
from agents.engine.producer import Message
from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.mapping.values import Json
from streams.settings import Settings, load_settings
from streams.warehouse.manifest import Manifest
from tests.agents.admin.warehouse.sync_case import apply_events, read_sync
from tests.brokers.interface import Broker, shortest_session_s
from tests.support.cli_server import CliProcess, run_cli, spawn_cli

WITHIN_S = 120.0
POLL_S = 0.02
PARTITIONS = 2
SESSION_S = 2.0
"""A machine that was killed is waited for so long, if the broker allows it."""


FILE = """
syncs:
  people:
    connection_env: PEOPLE_URL
    sql: SELECT * FROM people
    key: id
    state: topic
    schedule: {cron: "0 0 29 2 *"}
    guards: {max_changed_share: 1, max_deleted_share: 1}
"""


class Machines:
    """Processes of `klaviyo-streams sync`, on one Kafka and one table.

    Args:
        broker: The broker.
        prefix: Prefix of the topics and of the group.
        home: Folder of the table, of the logs and of the data directories.
    """

    def __init__(self, broker: Broker, *, prefix: str, home: Path) -> None:
        self._broker, self._home = broker, home
        self._warehouse = home / "people.duckdb"
        self.source = f"{prefix}rows"
        broker.create_topics(self.source, partitions=PARTITIONS)
        (home / "people.yaml").write_text(FILE)
        session_s = max(SESSION_S, shortest_session_s(broker.bootstrap))
        self._environ = {
            "PATH": "/usr/bin:/bin",
            "PEOPLE_URL": f"duckdb:///{self._warehouse}",
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
            "KLAVIYO_STREAMS_APP_ID": prefix.rstrip("."),
            "KLAVIYO_STREAMS_TOPIC_PREFIX": prefix,
            "KLAVIYO_STREAMS_SOURCE_TOPICS": self.source,
            "KLAVIYO_STREAMS_TOPIC_PARTITIONS": "1",
            "KLAVIYO_STREAMS_DESTINATION": str(home / "people.yaml"),
            "KLAVIYO_STREAMS_SESSION_TIMEOUT_S": str(session_s),
        }
        self._watcher = self._consumer("read_uncommitted")
        ensure_topics(kafka_access(self.settings), self.settings)
        self.execute("CREATE TABLE people(id INTEGER, email VARCHAR, plan VARCHAR)")

    @property
    def url(self) -> str:
        """URL of the warehouse."""
        return self._environ["PEOPLE_URL"]

    @property
    def settings(self) -> Settings:
        """Settings of all machines."""
        return load_settings(self._environ, None, for_delivery=False)

    def execute(self, sql: str) -> None:
        """Execute a statement in the warehouse."""
        with duckdb.connect(self._warehouse) as warehouse:
            warehouse.execute(sql)

    def insert(self, count: int, *, start: int = 0) -> None:
        """Insert people with consecutive ids."""
        self.execute(
            "INSERT INTO people SELECT i, 'p' || i || '@example.com', 'free' "
            f"FROM range({start}, {start + count}) numbers(i)"
        )

    def table(self) -> dict[str, Mapping[str, Json]]:
        """Return the rows of the warehouse by key, as row events have them."""
        with duckdb.connect(self._warehouse, read_only=True) as warehouse:
            result = warehouse.execute("SELECT id, email, plan FROM people").fetchall()
        return {str(i): {"id": i, "email": e, "plan": p} for i, e, p in result}

    def run(self, machine: str, *args: str, code: int = 0) -> str:
        """Run a command on a machine to its end; return its standard error."""
        done = run_cli(
            "sync", *(args or ("run",)), env=self._on(machine), timeout_s=WITHIN_S
        )
        assert done.returncode == code, f"{done.stdout}{done.stderr}"
        return done.stderr

    def runner(self, machine: str, *, prefix: str = "", **fields: Json) -> SyncRunner:
        """Return a runner of the sync on a machine, in this process."""
        environ = self._on(machine)
        if prefix:
            environ["KLAVIYO_STREAMS_TOPIC_PREFIX"] = prefix + self.source
        settings = load_settings(environ, None, for_delivery=False)
        part: dict[str, Json] = {
            "connection_env": "PEOPLE_URL",
            "state": "topic",
            **fields,
        }
        return SyncRunner(settings, read_sync(**part), report=lambda _: None)

    def write_chunk(self, key: str, value: bytes) -> None:
        """Write a chunk to the topic of rows."""
        topic = self._topics().rows
        self._publish(Message(topic, key.encode(), value, partition=0))

    def damage(self, **fields: Any) -> None:  # noqa: ANN401 - fields of a segment
        """Write a manifest whose segments have other fields than those in Kafka."""
        manifest = self.manifest()
        segments = tuple(
            msgspec.structs.replace(one, **fields) for one in manifest.segments
        )
        damaged = msgspec.structs.replace(manifest, segments=segments)
        self._publish(self._topics().manifest_message(damaged))

    def _publish(self, message: Message) -> None:
        RecordPublisher(kafka_access(self.settings)).publish([message])

    def start(self, machine: str, *args: str) -> CliProcess:
        """Start a command on a machine."""
        with self.log_path(machine).open("ab") as log:
            return spawn_cli(
                "sync",
                *(args or ("run",)),
                stdout=log.fileno(),
                env=self._on(machine),
            )

    def log_path(self, machine: str) -> Path:
        """Return the file with the outputs of the started commands of a machine."""
        return self._home / f"{machine}.log"

    def await_records(self, process: CliProcess, *, beyond: int) -> None:
        """Return once the topic of row events has grown, or the process has ended."""
        wait_until(lambda: self.count_records() > beyond or process.poll() is not None)

    def count_records(self) -> int:
        """Return the number of offsets of the topic of row events."""
        return sum(
            self._watcher.get_watermark_offsets(
                TopicPartition(self.source, number), timeout=WITHIN_S
            )[1]
            for number in range(PARTITIONS)
        )

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._watcher.close()

    def rows(self, *, isolation: str) -> dict[str, Mapping[str, Json]]:
        """Return what the row events add up to, for a reader of an isolation level."""
        with closing(self._consumer(isolation)) as consumer:
            return apply_events({}, list(self._events(consumer)))

    @contextmanager
    def hold_lease(self, name: str) -> Iterator[None]:
        """Hold the lease of the sync as a process with a name."""
        settings, topics = self.settings, self._topics()
        kafka, group = kafka_access(settings), f"{settings.app_id}.sync.people"
        with hold_lease(
            kafka,
            topic=topics.manifests,
            group=group,
            session_timeout_s=settings.session_timeout_s,
            read_holder=self._reader().read_holder,
        ):
            with closing(FencedProducer(kafka, group, subject="people")) as producer:
                producer.write([topics.holder_message(name)])
            yield

    def manifest(self) -> Manifest:
        """Return the state of the sync in Kafka, without its rows."""
        return self._reader().read_manifest()

    def chunk_keys(self) -> set[bytes]:
        """Return the keys of the chunks in Kafka that are not forgotten."""
        keys: dict[bytes, bool] = {}
        with closing(self._consumer("read_committed")) as consumer:
            for message in self._messages(consumer, self._topics().rows, 1):
                keys[message.key() or b""] = message.value() is not None
        return {key for key, is_there in keys.items() if is_there}

    def _topics(self) -> StateTopics:
        return StateTopics(self.settings.topics, sync="people")

    def _reader(self) -> StateReader:
        return StateReader(kafka_access(self.settings), self._topics())

    def _on(self, machine: str) -> dict[str, str]:
        data_dir = str(self._home / machine)
        return {**self._environ, "KLAVIYO_STREAMS_DATA_DIR": data_dir}

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._broker.bootstrap,
                "group.id": f"{self.source}.test",
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )

    def _events(self, consumer: Consumer) -> Iterator[dict[str, Any]]:
        for message in self._messages(consumer, self.source, PARTITIONS):
            yield orjson.loads(message.value() or b"")

    def _messages(
        self, consumer: Consumer, topic: str, partitions: int
    ) -> Iterator[Any]:
        consumer.assign([TopicPartition(topic, n, 0) for n in range(partitions)])
        ended: set[int] = set()
        while len(ended) < partitions:
            for message in consumer.consume(10_000, 0.2):
                if message.error() is None:
                    yield message
                else:
                    ended.add(message.partition() or 0)


def wait_until(is_met: Callable[[], bool]) -> None:
    """Return once a condition is met.

    Raises:
        AssertionError: It is not met in time.
    """
    deadline_s = time.monotonic() + WITHIN_S
    while not is_met():
        assert time.monotonic() < deadline_s
        time.sleep(POLL_S)
