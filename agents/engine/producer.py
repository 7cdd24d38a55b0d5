"""Producer with durable records when `send` returns.

Faust's producer buffer gives up flushing after 100 ms without progress, and the commit
goes ahead. Here no caller can acknowledge a record before `send` has returned.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Report
from confluent_kafka import Producer as RdKafka
from mode import Service

from agents.engine.kafka import KafkaAccess
from agents.engine.refusals import fix_of
from agents.engine.watchdog import end_process
from streams.errors import EngineError

log = structlog.get_logger(__name__)

RETRY_WAIT_S = 1.0
POLL_S = 0.05

PRODUCER_OPTIONS: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "message.max.bytes": 16_000_000,
    "message.timeout.ms": 120_000,
    "compression.type": "lz4",
}
"""`murmur2_random` chooses the same partition for a key as Java clients and Kafka
Streams do."""


class Message(NamedTuple):
    """Record to be produced; partition -1 means: choose by the key."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, Any]] = []  # noqa: RUF012 - never mutated
    partition: int = -1


class Written(msgspec.Struct, frozen=True):
    """Result for a durable record.

    Attributes:
        offset: Offset in the partition. None if the acknowledgement was lost with a
            broker: then the acknowledgement of a later record vouches for this record,
            and tells no offset.
    """

    offset: int | None


@dataclass(frozen=True, slots=True)
class RecordTooLarge:
    """Result for a record larger than the topic accepts."""


SendResult: TypeAlias = Written | RecordTooLarge


class RecordProducer(Protocol):
    """Producer whose records are durable when `send` returns."""

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Produce in order, and wait until every record is durable."""
        ...


class _SendAttempt:
    """Delivery reports of a single attempt to send a sequence of messages."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.results: list[SendResult] = [RecordTooLarge()] * size
        self.error: KafkaError | None = None
        self.batch_too_large = False
        self.completed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._pending_count = size
        self._lock = threading.Lock()

    def on_delivery(
        self,
        index: int,
        error: KafkaError | None,
        delivered_message: Report | None = None,
    ) -> None:
        if error is None:
            offset = None if delivered_message is None else delivered_message.offset()
            self.results[index] = Written(offset)
        elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self.error = error
        else:
            self.batch_too_large |= delivered_message is not None
        with self._lock:  # the loop reports refusals, the thread reports all else
            self._pending_count -= 1
            is_last = self._pending_count == 0
        if is_last:
            self._loop.call_soon_threadsafe(self._complete)

    def _complete(self) -> None:
        if not self.completed.done():
            self.completed.set_result(None)


class Producer(Service):
    """Idempotent librdkafka producer, shared by all stages of a worker."""

    def __init__(self, kafka: KafkaAccess, **options: object) -> None:
        super().__init__()
        self._config = kafka.librdkafka_options() | PRODUCER_OPTIONS | options
        self._stop_requested = threading.Event()
        self._thread: threading.Thread | None = None
        self._has_written = False

    async def on_start(self) -> None:
        """Connect and start the thread that serves delivery reports."""
        self._rdkafka = RdKafka(self._config, logger=_librdkafka_log)
        self._thread = threading.Thread(
            target=self._poll_reports, name="reports", daemon=True
        )
        self._thread.start()

    async def on_stop(self) -> None:
        """Flush records that are still queued, then stop the thread."""
        self._stop_requested.set()
        if self._thread is None:
            return
        await asyncio.to_thread(self._thread.join, 10)
        await asyncio.to_thread(self._rdkafka.flush, 10)

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Produce in order and wait until every record is durable.

        When a record fails for a transient reason, the whole sequence is sent again, in
        order, without limit: so an older record never lands behind a newer one with the
        same key.

        Returns:
            One result for each message, in order.

        Raises:
            EngineError: The producer cannot go on (fenced, not authorized).
        """
        if not messages:
            return []
        while True:
            attempt = await self._send_once(messages)
            if attempt.error is None and attempt.batch_too_large and len(messages) > 1:
                return await self._send_halves(messages)
            if attempt.error is None:
                self._has_written = True
                return attempt.results
            if attempt.error.fatal() and self._has_written:
                raise EngineError(f"producer: {attempt.error.name()}")
            error = attempt.error.name()
            log.warning(
                "produce_retried", error=error, n=len(messages), **fix_of(error)
            )
            await asyncio.sleep(RETRY_WAIT_S)

    async def _send_halves(self, messages: Sequence[Message]) -> list[SendResult]:
        """Bisect a batch the broker refused, until the too large record is alone."""
        middle = len(messages) // 2
        first_half = await self.send(messages[:middle])
        return first_half + await self.send(messages[middle:])

    async def _send_once(self, messages: Sequence[Message]) -> _SendAttempt:
        attempt = _SendAttempt(len(messages), asyncio.get_running_loop())
        for index, message in enumerate(messages):
            while not self._enqueue(attempt, index, message):  # noqa: ASYNC110 - librdkafka has no event for space in its queue
                await asyncio.sleep(POLL_S)
        await attempt.completed
        return attempt

    def _enqueue(self, attempt: _SendAttempt, index: int, message: Message) -> bool:
        try:
            self._rdkafka.produce(
                message.topic,
                message.value,
                message.key,
                message.partition,
                partial(attempt.on_delivery, index),
                headers=message.headers,
            )
        except BufferError:
            return False
        except KafkaException as failure:
            attempt.on_delivery(index, failure.args[0])
        return True

    def _poll_reports(self) -> None:
        try:
            while not self._stop_requested.is_set():
                try:
                    self._rdkafka.poll(POLL_S)
                except KafkaException as refusal:
                    if self._has_written:
                        raise
                    self._replace_refused(refusal.args[0])
        except Exception as fault:  # noqa: BLE001 - without reports every send would hang
            end_process(f"producer: {type(fault).__name__} in a delivery report")

    def _replace_refused(self, error: KafkaError) -> None:
        """Try again with a new client: librdkafka gives up where a right is lacking.

        Nothing was written yet, so no record can be repeated out of order. What waits
        in the refused client fails, and is sent again.
        """
        log.warning("producer_refused", error=error.name(), **fix_of(error.name()))
        self._stop_requested.wait(RETRY_WAIT_S)
        refused = self._rdkafka
        self._rdkafka = RdKafka(self._config, logger=_librdkafka_log)
        refused.purge()
        with contextlib.suppress(KafkaException):
            refused.flush(POLL_S)


class _LibrdkafkaLog:
    """Adapter that logs librdkafka's lines, with a logger for each facility."""

    def log(self, level: int, pattern: str, *args: object) -> None:
        facility = args[0] if args else "other"
        logging.getLogger(f"librdkafka.{facility}").log(level, pattern, *args)


_librdkafka_log: Any = _LibrdkafkaLog()
