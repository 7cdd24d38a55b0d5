"""Records that are durable when the call returns.

Faust's producer buffer gives up flushing after 100 ms without progress and the commit
goes ahead (trap L5). Here nothing is acknowledged by anyone before `send` returned.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as Report
from confluent_kafka import Producer as RdKafka
from mode import Service

from agents.engine.kafka import KafkaAccess
from agents.engine.watchdog import end_process
from streams.errors import EngineError

log = structlog.get_logger(__name__)

RECORD_TOO_LARGE = -1
"""Stands for the offset of a record that is larger than its topic takes."""

OFFSET_UNKNOWN = -2
"""Stands for the offset of a record that is durable, at an offset nobody told: its
acknowledgement was lost with a broker, and that of a later record vouches for it."""

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
"""`murmur2_random` puts a key where Java clients and Kafka Streams put it."""


class Message(NamedTuple):
    """One record to be produced; partition -1 lets the key decide."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, Any]] = []  # noqa: RUF012 - never mutated
    partition: int = -1


class _SendAttempt:
    """One call of `send`: the reports still awaited and the offsets so far."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self.offsets = [RECORD_TOO_LARGE] * size
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
            self.offsets[index] = OFFSET_UNKNOWN if offset is None else offset
        elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self.error = error
        else:
            self.batch_too_large |= delivered_message is not None
        with self._lock:  # a refusal is reported on the loop, all else on the thread
            self._pending_count -= 1
            is_last = self._pending_count == 0
        if is_last:
            self._loop.call_soon_threadsafe(self._complete)

    def _complete(self) -> None:
        if not self.completed.done():
            self.completed.set_result(None)


class Producer(Service):
    """One idempotent producer for the whole worker, driven by librdkafka."""

    def __init__(self, kafka: KafkaAccess, **options: object) -> None:
        super().__init__()
        self._config = kafka.librdkafka_options() | PRODUCER_OPTIONS | options
        self._stop_requested = threading.Event()
        self._thread: threading.Thread | None = None

    async def on_start(self) -> None:
        """Connect and begin to serve delivery reports."""
        self._rdkafka = RdKafka(self._config, logger=_librdkafka_log)
        self._thread = threading.Thread(
            target=self._poll_reports, name="reports", daemon=True
        )
        self._thread.start()

    async def on_stop(self) -> None:
        """Hand over what is still under way, then end."""
        self._stop_requested.set()
        if self._thread is None:
            return
        await asyncio.to_thread(self._thread.join, 10)
        await asyncio.to_thread(self._rdkafka.flush, 10)

    async def send(self, messages: Sequence[Message]) -> list[int]:
        """Produce in order and wait until every record is durable.

        When one fails for a passing reason the whole sequence is sent again, in order,
        without end: an older record never lands behind a newer one of its key alone.

        Returns:
            The offset of each, or `UNTOLD`; `REFUSED` for one larger than its topic
            takes.

        Raises:
            EngineError: The producer is dead (fenced, unauthorized).
        """
        if not messages:
            return []
        while True:
            attempt = await self._send_once(messages)
            if attempt.error is None and attempt.batch_too_large and len(messages) > 1:
                return await self._send_halves(messages)
            if attempt.error is None:
                return attempt.offsets
            if attempt.error.fatal():
                raise EngineError(f"producer: {attempt.error.name()}")
            log.warning("produce_retried", error=attempt.error.name(), n=len(messages))
            await asyncio.sleep(RETRY_WAIT_S)

    async def _send_halves(self, messages: Sequence[Message]) -> list[int]:
        """A broker refuses a whole batch: part it, until the one too large is alone."""
        middle = len(messages) // 2
        first_half = await self.send(messages[:middle])
        return first_half + await self.send(messages[middle:])

    async def _send_once(self, messages: Sequence[Message]) -> _SendAttempt:
        attempt = _SendAttempt(len(messages), asyncio.get_running_loop())
        for index, message in enumerate(messages):
            while not self._enqueue(attempt, index, message):  # noqa: ASYNC110 - librdkafka has no event for room in its queue
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
                self._rdkafka.poll(POLL_S)
        except Exception as fault:  # noqa: BLE001 - without reports every send would hang
            end_process(f"producer: {type(fault).__name__} in a delivery report")


class _LibrdkafkaLog:
    """librdkafka's own lines; each facility is a logger, so a kind of its own."""

    def log(self, level: int, pattern: str, *args: object) -> None:
        facility = args[0] if args else "other"
        logging.getLogger(f"librdkafka.{facility}").log(level, pattern, *args)


_librdkafka_log: Any = _LibrdkafkaLog()
