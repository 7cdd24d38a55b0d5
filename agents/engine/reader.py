"""Reads topics for one stage and commits what is finished, and nothing else.

It stands in for Faust's consumer and conductor, which skip and commit over records
(traps L1-L4, L6, S1). The stage's agent is fed through an ordinary Faust channel.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.types import AppT, ChannelT
from mode import Service

from agents.engine.kafka import KafkaAccess, Record
from agents.engine.offset_backup import OffsetBackup
from agents.engine.partition import Partition
from agents.engine.poll import RecordBatch
from agents.engine.watchdog import end_process
from streams.errors import EngineError

log = structlog.get_logger(__name__)

POLL_MS = 500
RETRY_WAIT_S = 1.0
BACKUP_INTERVAL_S = 5.0
MAX_POLL_INTERVAL_MS = 10**12
"""`max_poll_interval_ms` is only this client's own alarm; it must never go off (S1)."""

_PLACEHOLDER_PARTITION = TopicPartition("__nowhere", 0)
"""Named in every poll, so that it never means "all partitions"."""


FetchedRecords: TypeAlias = dict[TopicPartition, list[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """How one stage reads.

    Attributes:
        name: The stage; also the suffix of its consumer group.
        group: Consumer group id.
        topics: What it reads.
        max_records: Most records one poll hands to the agent.
        max_fetch_bytes: Most bytes a partition may hold fetched ahead.
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
        """How long work under way may hold up a rebalance."""
        return self.rebalance_timeout_s * 0.6


class Reader(Service):
    """One consumer group member: fetches, hands on, commits the contiguous prefix."""

    def __init__(  # noqa: PLR0913 - hooks, each for its moment, most readers have none
        self,
        app: AppT,
        *,
        kafka: KafkaAccess,
        options: ReaderOptions,
        open_partition: Callable[[int], Awaitable[None]] | None = None,
        close_partition: Callable[[int], None] | None = None,
        on_partitions_revoked: Callable[[Sequence[Partition]], None] | None = None,
        offset_backup: OffsetBackup | None = None,
    ) -> None:
        super().__init__()
        self.channel: ChannelT[RecordBatch] = app.channel(maxsize=1)
        self.options = options
        self.partitions: dict[TopicPartition, Partition] = {}
        self.polled_at_s = 0.0
        self.waiting_for_stage = False
        self._has_joined = False
        self._kafka = kafka
        self._open_partition = open_partition
        self._close_partition = close_partition
        self._on_partitions_revoked = on_partitions_revoked
        self._offset_backup = offset_backup

    @property
    def label(self) -> str:
        """Name in logs."""
        return f"Reader: {self.options.name}"

    async def on_start(self) -> None:
        """Join the group; wait for the brokers as long as it takes."""
        self._consumer = await self._join()
        self._has_joined = True

    async def on_stop(self) -> None:
        """Finish what is under way, commit it, leave the group."""
        if self._has_joined:
            await self._drain_and_drop(list(self.partitions.values()))
            await self._consumer.stop()

    @Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            polled = {
                tp: part for tp, part in self.partitions.items() if part.is_active
            }
            groups = self._accept(await self._fetch(polled), polled)
            if groups:
                self.waiting_for_stage = True
                await self.channel.put(RecordBatch(groups))  # type: ignore[arg-type] # a channel carries any value; Faust types only events
            self.waiting_for_stage = False

    @Service.task
    async def _commit_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self.options.commit_interval_s)
            await self._commit()

    @Service.task
    async def _back_up_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(BACKUP_INTERVAL_S)
            await self._back_up_offsets(self.partitions.values())

    async def _back_up_offsets(self, parts: Iterable[Partition]) -> None:
        if self._offset_backup:
            committed = {part.tp: part.committed_offset for part in parts}
            await self._offset_backup.save(self.options.group, committed)

    async def _join(self) -> AIOKafkaConsumer:
        while True:
            consumer = self._new_consumer()
            try:
                await consumer.start()
            except KafkaError as fault:
                await consumer.stop()
                log.warning("kafka_unreachable", error=type(fault).__name__)
                await asyncio.sleep(RETRY_WAIT_S)
            else:
                topics = list(self.options.topics)
                consumer.subscribe(topics, listener=_Listener(self))
                return consumer

    def _new_consumer(self) -> AIOKafkaConsumer:
        options = self.options
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

    async def _fetch(self, polled: Iterable[TopicPartition]) -> FetchedRecords:
        try:
            fetched: FetchedRecords = await self._consumer.getmany(
                _PLACEHOLDER_PARTITION,
                *polled,
                timeout_ms=POLL_MS,
                max_records=self.options.max_records,
            )
        except KafkaError as fault:
            await self._handle_fetch_error(fault)
            return {}
        self.polled_at_s = asyncio.get_running_loop().time()
        return fetched

    async def _handle_fetch_error(self, fault: KafkaError) -> None:
        """A broken membership is left and joined anew; what was read is re-read."""
        log.warning("fetch_failed", stage=self.options.name, error=type(fault).__name__)
        await asyncio.sleep(RETRY_WAIT_S)
        if not fault.retriable:
            await self._drain_and_drop(list(self.partitions.values()))
            await self._consumer.stop()
            self._consumer = await self._join()

    def _accept(
        self,
        fetched: FetchedRecords,
        polled: dict[TopicPartition, Partition],
    ) -> list[tuple[Partition, list[Record]]]:
        """Track what still belongs to us; put back what changed hands meanwhile.

        Between the drain inside `getmany` and this line nothing else runs, so a
        partition that is still the same object was ours all along.
        """
        groups = []
        for tp, records in fetched.items():
            part = self.partitions.get(tp)
            if part is polled[tp] and part.is_active:
                part.track([record.offset for record in records])
                groups.append((part, records))
            elif tp in self._consumer.assignment():
                self._consumer.seek(tp, records[0].offset)
        return groups

    async def _commit(self) -> None:
        uncommitted = [
            part for part in self.partitions.values() if part.has_uncommitted
        ]
        offsets = {part.tp: part.commit_offset for part in uncommitted}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, CommitFailedError, IllegalStateError) as fault:
            log.warning("commit_failed", stage=self.options.name, error=str(fault))
            return
        for part in uncommitted:
            part.committed_offset = offsets[part.tp]

    def on_assigned(self, tps: Iterable[TopicPartition]) -> None:
        """New partitions: each is read once its state is there."""
        for tp in tps:
            part = self.partitions[tp] = Partition(tp)
            part.recovery_task = asyncio.create_task(self._open(part))

    async def _open(self, part: Partition) -> None:
        """Recover the state of a partition, then let it be read."""
        while not part.revoked:
            try:
                if self._offset_backup:
                    part.committed_offset = await self._offset_backup.restore(
                        self.options.group, part.tp, self._consumer
                    )
                if self._open_partition:
                    await self._open_partition(part.tp.partition)
            except KafkaError as fault:
                log.warning("recovery_retried", error=type(fault).__name__)
                await asyncio.sleep(RETRY_WAIT_S)
            except EngineError as fault:
                end_process(str(fault))
            else:
                break
        part.ready = True

    async def on_revoked(self, tps: Iterable[TopicPartition]) -> None:
        """Partitions on their way out: settle, commit, let go."""
        await self._drain_and_drop(
            [self.partitions[tp] for tp in tps if tp in self.partitions]
        )

    async def _drain_and_drop(self, parts: Sequence[Partition]) -> None:
        for part in parts:
            part.revoking = True
        all_idle = asyncio.gather(*(part.wait_idle() for part in parts))
        if self._on_partitions_revoked:
            self._on_partitions_revoked(parts)
        try:
            await asyncio.wait_for(all_idle, self.options.drain_timeout_s)
        except TimeoutError:
            end_process(f"{self.options.name}: work outlived its partition")
        await self._final_commit(parts)
        for part in parts:
            self._drop(part)

    async def _final_commit(self, parts: Sequence[Partition]) -> None:
        try:
            async with asyncio.timeout(self.options.commit_interval_s + 4):
                await self._commit()
                await self._back_up_offsets(parts)
        except TimeoutError:
            log.warning("last_commit_timed_out", stage=self.options.name)

    def _drop(self, part: Partition) -> None:
        part.revoked = True
        if part.recovery_task:
            part.recovery_task.cancel()
        if self.partitions.get(part.tp) is part:
            del self.partitions[part.tp]
        if self._close_partition:
            self._close_partition(part.tp.partition)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's callbacks, handed to the reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._reader.on_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._reader.on_assigned(assigned)
