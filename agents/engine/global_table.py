"""Copy of a whole small compacted topic, on every worker."""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from mode import Service

from agents.engine.kafka import KafkaAccess
from agents.engine.refusals import fix_of, log_unreachable

log = structlog.get_logger(__name__)

POLL_MS = 200
RETRY_WAIT_S = 1.0


class GlobalTable(Service):
    """Latest value of each key of a compacted topic; a null value removes the key.

    Attributes:
        rows: Key -> value.
        changed: Set after every successful poll.
    """

    def __init__(self, *, topic: str, kafka: KafkaAccess) -> None:
        super().__init__()
        self.rows: dict[bytes, bytes] = {}
        self.changed = asyncio.Event()
        self._topic = topic
        self._kafka = kafka
        self._consumer: AIOKafkaConsumer = None

    async def on_start(self) -> None:
        """Read the whole topic before any other service starts."""
        self._consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **self._kafka.aiokafka_options(),
        )
        while not await self._connect():  # noqa: ASYNC110 - a broker that is down has no event
            await asyncio.sleep(RETRY_WAIT_S)
        self._tp = TopicPartition(self._topic, 0)
        self._consumer.assign([self._tp])
        await self._await_right()
        self._position = 0
        await self._read_to(await self._end_offset())

    async def on_stop(self) -> None:
        """Close the consumer of the topic, if this service has started."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def catch_up(self) -> None:
        """Wait until `rows` includes every record written before this call."""
        end_offset = await self._end_offset()
        while self._position < end_offset:
            self.changed.clear()
            await self.changed.wait()

    @Service.task
    async def _follow(self) -> None:
        while not self.should_stop:
            await self._fetch()

    async def _connect(self) -> bool:
        try:
            await self._consumer.start()
        except KafkaError as fault:
            await log_unreachable(self._kafka, fault)
            return False
        return True

    async def _await_right(self) -> None:
        """Wait until this user may read the topic.

        aiokafka (0.14.0) would ask for offsets for 40 s, and then report a timeout.
        """
        client: Any = self._consumer._client  # noqa: SLF001 - a part of aiokafka's own
        await client.force_metadata_update()
        while self._topic in client.cluster.unauthorized_topics:
            error = TopicAuthorizationFailedError.__name__
            log.warning(
                "table_load_retried", topic=self._topic, error=error, **fix_of(error)
            )
            await asyncio.sleep(RETRY_WAIT_S)
            await client.force_metadata_update()

    async def _end_offset(self) -> int:
        while True:
            try:
                ends = await self._consumer.end_offsets([self._tp])
                return int(ends[self._tp])
            except KafkaError as fault:
                error = type(fault).__name__
                log.warning("table_load_retried", error=error, **fix_of(error))
                await asyncio.sleep(RETRY_WAIT_S)

    async def _read_to(self, end_offset: int) -> None:
        while self._position < end_offset:
            await self._fetch()

    async def _fetch(self) -> None:
        try:
            fetched = await self._consumer.getmany(self._tp, timeout_ms=POLL_MS)
            self._position = await self._consumer.position(self._tp)
        except KafkaError as fault:
            error = type(fault).__name__
            log.warning("table_load_retried", error=error, **fix_of(error))
            await asyncio.sleep(RETRY_WAIT_S)
            return
        for record in fetched.get(self._tp, []):
            self._apply(record.key or b"", record.value)
        self.changed.set()

    def _apply(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value
