"""Kafka and Klaviyo for one hop in one process: they keep what they are given."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from agents.context import Context, kafka_access
from agents.engine.kafka import KafkaAccess, Record
from agents.engine.partition import Partition
from agents.engine.positions import Positions
from agents.engine.producer import REFUSED, Message, Producer
from agents.engine.table import Table
from agents.engine.view import View
from streams.delivery import outcome
from streams.delivery.outcome import OutcomeItem
from streams.destination.model import Destination
from streams.destination.reading import destination_of
from streams.klaviyo.answers import Accepted, Answer, Settled
from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.requests import Request
from streams.pacing.gate import Timing
from streams.settings import Settings, load
from tests.judging import saw

T = TypeVar("T")

TOPIC_MAX_BYTES = 1_048_588
"""Kafka's default `max.message.bytes`."""

NOW_MS = 1_772_359_200_000
ENVIRON = {"KLAVIYO_API_KEY": "pk_test", "KLAVIYO_STREAMS_TOPIC_PREFIX": "t."}
_NOWHERE = KafkaAccess(bootstrap="127.0.0.1:9")


class FakeProducer(Producer):
    """Keeps every record; refuses values larger than their topic takes.

    Attributes:
        sent: All of them, in order.
        on_send: Called before a send counts as durable.
    """

    def __init__(self, *, max_bytes: Mapping[str, int] | None = None) -> None:
        super().__init__(_NOWHERE)
        self.sent: list[Message] = []
        self.on_send: Callable[[Sequence[Message]], None] = lambda _: None
        self._max_bytes = max_bytes or {}

    async def send(self, messages: Sequence[Message]) -> list[int]:
        """Keep them."""
        self.on_send(messages)
        await asyncio.sleep(0)
        return [self._keep(message) for message in messages]

    def _keep(self, message: Message) -> int:
        max_bytes = self._max_bytes.get(message.topic, TOPIC_MAX_BYTES)
        if len(message.value or b"") > max_bytes:
            return REFUSED
        self.sent.append(message)
        return len(self.sent) - 1

    def to(self, topic: str) -> list[Message]:
        """Those of one topic."""
        return [message for message in self.sent if message.topic == topic]

    def outcomes(self) -> list[OutcomeItem]:
        """All outcomes."""
        values = [message.value or b"" for message in self.to("t.outcomes")]
        return [item for value in values for item in outcome.decode(value).items]


class FakeView(View):
    """The lists topic: what the producer kept of it."""

    def __init__(self, producer: FakeProducer) -> None:
        super().__init__(topic="t.lists", kafka=_NOWHERE)
        self._producer = producer

    async def catch_up(self) -> None:
        """Read it all."""
        for message in self._producer.to("t.lists"):
            self.rows[message.key or b""] = message.value or b""


class FakeTable(Table):
    """Rows of one partition in a dict."""

    def __init__(self, producer: FakeProducer) -> None:
        super().__init__(
            changelog="t.memberships-changelog",
            kafka=_NOWHERE,
            producer=producer,
            merge=lambda _, read: read,
            directory=None,
        )
        self.rows: dict[bytes, bytes] = {}

    def get_many(self, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Those there are."""
        del partition
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def write(self, changes: Mapping[int, Mapping[bytes, bytes]]) -> None:
        """Keep them."""
        await asyncio.sleep(0)
        for rows in changes.values():
            self.rows |= rows


class FakeKlaviyo(KlaviyoClient):
    """Lists that can be found and created, by a script.

    Attributes:
        made: Names of the lists created, in order; an id is `L` and its place.
        answers: What the next creations are answered with instead.
        asked: Requests so far, method and path.
        before_answer: Awaited before any answer.
    """

    def __init__(self) -> None:
        timing = Timing(clock=lambda: 0.0, sleep=asyncio.sleep, rng=lambda: 0.5)
        super().__init__(api_key="pk_test", timing=timing)
        self.made: list[str] = []
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.before_answer: Callable[[], Coroutine[Any, Any, object]] = _at_once

    async def call(self, request: Request) -> Settled:
        """Find lists by name."""
        saw(request.method, request.path, request.body)
        self.asked.append(f"{request.method} {request.path}")
        await self.before_answer()
        wanted = request.target
        rows = [
            {"id": f"L{at}", "attributes": {"name": name, "created": str(at)}}
            for at, name in enumerate(self.made)
            if name in wanted
        ]
        return Accepted(status=200, data={"data": rows, "links": {"next": None}})

    async def attempt(self, request: Request) -> Answer:
        """Create a list."""
        saw(request.method, request.path, request.body)
        self.asked.append(f"{request.method} {request.path}")
        await self.before_answer()
        if self.answers:
            return self.answers.pop(0)
        self.made.append(orjson.loads(request.body)["data"]["attributes"]["name"])
        return Accepted(status=201, data={"data": {"id": f"L{len(self.made) - 1}"}})


async def _at_once() -> None:
    await asyncio.sleep(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """When nothing else can happen, time passes until something can."""

    _skipped_s = 0.0

    def time(self) -> float:
        """Seconds, with those skipped."""
        return super().time() + self._skipped_s

    def _run_once(self) -> None:
        inside: Any = self  # its queues are asyncio's own; there is no other way in
        timers = [one.when() for one in inside._scheduled if not one.cancelled()]  # noqa: SLF001 - see above
        if timers and not inside._ready:  # noqa: SLF001 - see above
            self._skipped_s += max(0.0, min(timers) - self.time())
        super()._run_once()  # type: ignore[misc] # not in typeshed


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run with a clock that waits for nobody."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(main)


def settings(**environ: object) -> Settings:
    """Settings of a test."""
    named = {f"KLAVIYO_STREAMS_{k.upper()}": str(v) for k, v in environ.items()}
    return load(ENVIRON | named)


def context(
    producer: FakeProducer,
    *,
    klaviyo: KlaviyoClient | None = None,
    told: Settings | None = None,
    destination: Destination | None = None,
) -> Context:
    """One worker's services, all in this process."""
    told = told or settings()
    return Context(
        settings=told,
        kafka=kafka_access(told),
        producer=producer,
        memberships=FakeTable(producer),
        lists=FakeView(producer),
        replays=FakeView(producer),
        positions=Positions(topic="t.positions", kafka=_NOWHERE, producer=producer),
        klaviyo=klaviyo or FakeKlaviyo(),
        destination=destination or destination_of(None),
        now_ms=lambda: NOW_MS,
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


def delivered(part: Partition, *records: Record) -> list[Record]:
    """Records handed to a hop: each is to be done."""
    part.track([each.offset for each in records])
    return list(records)
