"""Consumer group member: joins, fetches, commits, and rejoins after errors."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from agents.engine.kafka import KafkaAccess, Record
from agents.engine.refusals import log_unreachable

log = structlog.get_logger(__name__)

POLL_MS = 500
RETRY_WAIT_S = 1.0
MAX_POLL_INTERVAL_MS = 10**12
"""aiokafka's `max_poll_interval_ms` is an alarm inside the client alone. When it goes
off, the member leaves its group for good, so it must never go off: the watchdog finds
readers that hang."""

_PLACEHOLDER_PARTITION = TopicPartition("__nowhere", 0)
"""Part of every poll, because an empty list means "all partitions" to aiokafka."""

FetchedRecords: TypeAlias = dict[TopicPartition, list[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """Settings for the reader of a stage.

    Attributes:
        name: The stage; also the suffix of its consumer group.
        group: Consumer group id.
        topics: Topics to read.
        max_records: Most records that one poll hands to the agent.
        max_fetch_bytes: Most bytes that are fetched ahead for a partition.
        commit_interval_s: Time between commits.
        session_timeout_s: How long a silent worker keeps its partitions.
        rebalance_timeout_s: How long a rebalance waits for its members.
    """

    name: str
    group: str
    topics: tuple[str, ...]
    max_records: int = 2_000
    max_fetch_bytes: int = 1_048_576
    commit_interval_s: float = 1.0
    session_timeout_s: float = 20.0
    rebalance_timeout_s: float = 60.0

    @property
    def drain_timeout_s(self) -> float:
        """Longest time that work in progress may delay a rebalance."""
        return self.rebalance_timeout_s * 0.6


class GroupConsumer:
    """aiokafka consumer of a stage, replaced when the group membership breaks.

    Attributes:
        polled_at_s: Loop time of the last successful poll; 0 before the first.
    """

    def __init__(
        self,
        kafka: KafkaAccess,
        options: ReaderOptions,
        *,
        on_assigned: Callable[[Iterable[TopicPartition]], None],
        on_revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
    ) -> None:
        self.polled_at_s = 0.0
        self._kafka = kafka
        self._options = options
        self._listener = _Listener(on_assigned, on_revoked)
        self._client: AIOKafkaConsumer | None = None

    @property
    def client(self) -> AIOKafkaConsumer:
        """Current aiokafka consumer; None before the group was joined."""
        return self._client

    async def join(self) -> None:
        """Join the group with a new client; retry until the brokers answer."""
        while True:
            client = self._new_client()
            try:
                await client.start()
            except KafkaError as fault:
                await client.stop()
                await log_unreachable(self._kafka, fault)
                await asyncio.sleep(RETRY_WAIT_S)
            else:
                client.subscribe(list(self._options.topics), listener=self._listener)
                self._client = client
                return

    async def leave(self) -> None:
        """Leave the group and close the client."""
        await self.client.stop()

    async def fetch(self, partitions: Iterable[TopicPartition]) -> FetchedRecords:
        """Fetch from the given partitions only.

        Raises:
            KafkaError: The poll failed; the membership is broken unless retriable.
        """
        fetched: FetchedRecords = await self.client.getmany(
            _PLACEHOLDER_PARTITION,
            *partitions,
            timeout_ms=POLL_MS,
            max_records=self._options.max_records,
        )
        self.polled_at_s = asyncio.get_running_loop().time()
        return fetched

    async def fetch_ends(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """Fetch position and end offset of partitions, from the brokers.

        Without partitions the end of one is asked for all the same, to see whether
        Kafka answers.

        Raises:
            KafkaError: Kafka does not answer, or a partition is not assigned any more.
        """
        owned = [tp for tp in partitions if tp in self.client.assignment()]
        asked = owned or [TopicPartition(self._options.topics[0], 0)]
        ends = await self.client.end_offsets(asked)
        return {tp: (await self.client.position(tp), ends[tp]) for tp in owned}

    def seek_back(self, records: list[Record], tp: TopicPartition) -> None:
        """Make fetched records come again, if the partition is still assigned."""
        if tp in self.client.assignment():
            self.client.seek(tp, records[0].offset)

    async def position(self, tp: TopicPartition) -> int:
        """Return the offset from which a partition is fetched next, 0 if unknown."""
        if tp not in self.client.assignment():
            return 0
        try:
            position: int = await self.client.position(tp)
        except (KafkaError, IllegalStateError):  # revoked in this moment
            return 0
        return position

    async def commit(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Commit offsets; report whether Kafka accepted the commit."""
        try:
            await self.client.commit(offsets)
        except (KafkaError, CommitFailedError, IllegalStateError) as fault:
            log.warning("commit_failed", stage=self._options.name, error=str(fault))
            return False
        return True

    def _new_client(self) -> AIOKafkaConsumer:
        options = self._options
        return AIOKafkaConsumer(
            group_id=options.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=options.max_fetch_bytes,
            session_timeout_ms=int(options.session_timeout_s * 1000),
            heartbeat_interval_ms=int(options.session_timeout_s * 1000 / 6),
            rebalance_timeout_ms=int(options.rebalance_timeout_s * 1000),
            **self._kafka.aiokafka_options(),
        )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Adapter from aiokafka's rebalance callbacks to two functions."""

    def __init__(
        self,
        on_assigned: Callable[[Iterable[TopicPartition]], None],
        on_revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._on_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._on_assigned(assigned)
