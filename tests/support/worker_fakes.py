"""Kafka and Klaviyo for one stage in one process: they keep what they are given."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import orjson
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess, Record
from agents.engine.offset_backup import OffsetBackup
from agents.engine.partition import Partition
from agents.engine.producer import (
    Message,
    Producer,
    RecordTooLarge,
    SendResult,
    Written,
)
from agents.engine.store import MemoryStore
from agents.engine.table import Table
from agents.shared.context import Context, kafka_access
from agents.shared.metrics.registry import WorkerMetrics
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.store import SchemaStore
from agents.shared.warnings import WarningLog
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.events.sources import converted_topics
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.requests import Request
from streams.klaviyo.api.results import Accepted, AttemptResult, FinalResult
from streams.rate_limiting.limiter import Clock
from streams.settings import Settings, load_settings
from streams.state.entries import merge_entry
from streams.state.user_state import TableEntries, UserState
from tests.judging import note_request

T = TypeVar("T")

TOPIC_MAX_BYTES = 1_048_588
"""Kafka's default `max.message.bytes`."""

NOW_MS = 1_772_359_200_000
ENVIRON = {"KLAVIYO_API_KEY": "pk_test", "KLAVIYO_STREAMS_TOPIC_PREFIX": "t."}
UNREACHABLE_KAFKA = KafkaAccess(bootstrap="127.0.0.1:9")


class FakeProducer(Producer):
    """Keeps every record; refuses values larger than their topic takes.

    Attributes:
        sent: All of them, in order.
        on_send: Called before a send counts as durable.
    """

    def __init__(self, *, max_bytes: Mapping[str, int] | None = None) -> None:
        super().__init__(UNREACHABLE_KAFKA)
        self.sent: list[Message] = []
        self.on_send: Callable[[Sequence[Message]], None] = lambda _: None
        self._max_bytes = max_bytes or {}

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Keep the records, as if they were durable."""
        self.on_send(messages)
        await asyncio.sleep(0)
        return [self._keep(message) for message in messages]

    def _keep(self, message: Message) -> SendResult:
        max_bytes = self._max_bytes.get(message.topic, TOPIC_MAX_BYTES)
        if len(message.value or b"") > max_bytes:
            return RecordTooLarge()
        self.sent.append(message)
        return Written(len(self.sent) - 1)

    def to(self, topic: str) -> list[Message]:
        """Return the records of one topic."""
        return [message for message in self.sent if message.topic == topic]

    def outcomes(self) -> list[OutcomeItem]:
        """Return all outcomes, in order."""
        values = [message.value or b"" for message in self.to("t.outcomes")]
        return [
            item for value in values for item in outcome.decode_outcome(value).items
        ]


class FakeGlobalTable(GlobalTable):
    """The audience-lists topic: what the producer kept of it."""

    def __init__(self, producer: FakeProducer) -> None:
        super().__init__(topic="t.audience-lists", kafka=UNREACHABLE_KAFKA)
        self._producer = producer

    async def catch_up(self) -> None:
        """Read what the producer kept of the topic."""
        for message in self._producer.to("t.audience-lists"):
            self.rows[message.key or b""] = message.value or b""


class FakeTable(Table):
    """Entries of one partition in memory.

    Attributes:
        store: What was written.
        writes: Writes so far, oldest first.
        read_count: Number of reads so far, of an entry or a group.
    """

    def __init__(self, producer: FakeProducer) -> None:
        super().__init__(
            changelog="t.memberships-changelog",
            kafka=UNREACHABLE_KAFKA,
            producer=producer,
            merge=merge_entry,
            directory=None,
        )
        self.store = MemoryStore()
        self.read_count = 0
        self.writes: list[Mapping[bytes, bytes | None]] = []

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Return the entry of a key."""
        del partition
        self.read_count += 1
        return self.store.get(key)

    def scan(self, partition: int, group: bytes) -> dict[bytes, bytes]:
        """Return the entries of a group."""
        del partition
        self.read_count += 1
        return self.store.scan(group)

    async def write(self, changes: Mapping[int, Mapping[bytes, bytes | None]]) -> None:
        """Keep the changed entries in memory."""
        await asyncio.sleep(0)
        for entries in changes.values():
            self.writes.append(entries)
            self.store.write(entries, next_offset=0)

    def entries(self) -> dict[bytes, bytes]:
        """Return every entry by its key, as the changelog has them after compaction."""
        latest: dict[bytes, bytes | None] = {}
        for changes in self.writes:
            latest |= changes
        return {key: entry for key, entry in latest.items() if entry is not None}

    def state_of(self, user: bytes) -> UserState:
        """Return the state of a user."""
        stored = TableEntries(user, get=self.store.get, scan=self.store.scan)
        return UserState(stored=stored)


class ScriptedKlaviyo(KlaviyoClient):
    """Lists that can be found and created, by a script.

    Attributes:
        created_lists: Names of the lists created, in order; an id is `L` and its place.
        answers: What the next creations are answered with instead.
        requests: Requests so far, method and path.
        before_answer: Awaited before any answer.
    """

    def __init__(self) -> None:
        timing = Clock(monotonic_s=lambda: 0.0, sleep=asyncio.sleep, rng=lambda: 0.5)
        super().__init__(api_key="pk_test", clock=timing)
        self.created_lists: list[str] = []
        self.answers: list[AttemptResult] = []
        self.requests: list[str] = []
        self.before_answer: Callable[[], Coroutine[Any, Any, object]] = _at_once

    async def call(self, request: Request) -> FinalResult:
        """Find lists by name."""
        note_request(request.endpoint.method, request.path, request.body)
        self.requests.append(f"{request.endpoint.method} {request.path}")
        await self.before_answer()
        name_filter = request.target
        rows = [
            {"id": f"L{index}", "attributes": {"name": name, "created": str(index)}}
            for index, name in enumerate(self.created_lists)
            if name in name_filter
        ]
        return Accepted(status=200, data={"data": rows, "links": {"next": None}})

    async def attempt(self, request: Request) -> AttemptResult:
        """Create a list, by the script of the test."""
        note_request(request.endpoint.method, request.path, request.body)
        self.requests.append(f"{request.endpoint.method} {request.path}")
        await self.before_answer()
        if self.answers:
            return self.answers.pop(0)
        self.created_lists.append(
            orjson.loads(request.body)["data"]["attributes"]["name"]
        )
        return Accepted(
            status=201, data={"data": {"id": f"L{len(self.created_lists) - 1}"}}
        )


async def _at_once() -> None:
    await asyncio.sleep(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """Event loop that skips time when nothing else can happen."""

    _skipped_s = 0.0

    def time(self) -> float:
        """Seconds, with those skipped."""
        return super().time() + self._skipped_s

    def _run_once(self) -> None:
        inside: Any = self  # its queues are asyncio's own; there is no other way in
        timers = [timer.when() for timer in inside._scheduled if not timer.cancelled()]  # noqa: SLF001 - see above
        if timers and not inside._ready:  # noqa: SLF001 - see above
            self._skipped_s += max(0.0, min(timers) - self.time())
        super()._run_once()  # type: ignore[misc] # not in typeshed


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run with a clock that waits for nobody."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(main)


def settings(**environ: object) -> Settings:
    """Settings of a test."""
    variables = {f"KLAVIYO_STREAMS_{k.upper()}": str(v) for k, v in environ.items()}
    return load_settings(ENVIRON | variables)


@cache
def presets() -> Destination:
    """Compile the presets, once for all tests of a process."""
    return compile_destination(None)


def context(
    producer: FakeProducer,
    *,
    klaviyo: KlaviyoClient | None = None,
    worker_settings: Settings | None = None,
    destination: Destination | None = None,
    schemas: SchemaStore | None = None,
) -> Context:
    """Build the services of a worker, all in this process."""
    worker_settings = worker_settings or settings()
    return Context(
        settings=worker_settings,
        topics=worker_settings.topics,
        kafka=kafka_access(worker_settings),
        producer=producer,
        user_states=FakeTable(producer),
        audience_lists=FakeGlobalTable(producer),
        replays=FakeGlobalTable(producer),
        offset_backup=OffsetBackup(
            topic="t.offset-backup", kafka=UNREACHABLE_KAFKA, producer=producer
        ),
        klaviyo=klaviyo or ScriptedKlaviyo(),
        destination=destination or presets(),
        converted_topics=converted_topics((destination or presets()).sources),
        warn=WarningLog(),
        schemas=schemas or SchemaStore(RegistryClients({})),
        now_ms=lambda: NOW_MS,
        metrics=WorkerMetrics(),
    )


def partition(topic: str = "t.in", number: int = 0) -> Partition:
    """A partition that may be read."""
    part = Partition(TopicPartition(topic, number))
    part.ready = True
    return part


RECORD: Record = ConsumerRecord(
    topic="t.in",
    partition=0,
    offset=0,
    timestamp=NOW_MS,
    timestamp_type=0,
    key=None,
    value=None,
    checksum=None,
    serialized_key_size=0,
    serialized_value_size=0,
    headers=(),
)


def record(value: bytes | None, *, offset: int = 0, **fields: Any) -> Record:  # noqa: ANN401 - aiokafka's fields
    """A record as a reader gives it."""
    return replace(RECORD, value=value, offset=offset, **fields)


def track_records(part: Partition, *records: Record) -> list[Record]:
    """Records handed to a stage: each is to be done."""
    part.track([tracked_record.offset for tracked_record in records])
    return list(records)
