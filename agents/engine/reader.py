"""Reads topics for one hop and commits what is finished, and nothing else.

It stands in for Faust's consumer and conductor, which skip and commit over records
(traps L1-L4, L6, S1). The hop's agent is fed through an ordinary Faust channel.
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
from agents.engine.partition import Partition
from agents.engine.poll import Poll
from agents.engine.positions import Positions
from agents.engine.watchdog import end_process
from streams.errors import EngineError

log = structlog.get_logger(__name__)

POLL_MS = 500
RETRY_WAIT_S = 1.0
NOTE_EVERY_S = 5.0
NEVER_MS = 10**12
"""`max_poll_interval_ms` is only this client's own alarm; it must never go off (S1)."""

_NOWHERE = TopicPartition("__nowhere", 0)
"""Named in every poll, so that it never means "all partitions"."""


Fetched: TypeAlias = dict[TopicPartition, list[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions:
    """How one hop reads.

    Attributes:
        name: The hop; also the suffix of its consumer group.
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
    def drain_s(self) -> float:
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
        closing: Callable[[Sequence[Partition]], None] | None = None,
        positions: Positions | None = None,
    ) -> None:
        super().__init__()
        self.channel: ChannelT[Poll] = app.channel(maxsize=1)
        self.options = options
        self.partitions: dict[TopicPartition, Partition] = {}
        self.polled_at_s = 0.0
        self.held_back = False
        self._in_group = False
        self._kafka = kafka
        self._open_partition = open_partition
        self._close_partition = close_partition
        self._closing = closing
        self._positions = positions

    @property
    def label(self) -> str:
        """Name in logs."""
        return f"Reader: {self.options.name}"

    async def on_start(self) -> None:
        """Join the group; wait for the brokers as long as it takes."""
        self._consumer = await self._joined()
        self._in_group = True

    async def on_stop(self) -> None:
        """Finish what is under way, commit it, leave the group."""
        if self._in_group:
            await self._give_up(list(self.partitions.values()))
            await self._consumer.stop()

    @Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            asked = {tp: part for tp, part in self.partitions.items() if part.live}
            groups = self._accept(await self._fetch(asked), asked)
            if groups:
                self.held_back = True
                await self.channel.put(Poll(groups))  # type: ignore[arg-type] # a channel carries any value; Faust types only events
            self.held_back = False

    @Service.task
    async def _commit_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self.options.commit_interval_s)
            await self._commit()

    @Service.task
    async def _note_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(NOTE_EVERY_S)
            await self._note(self.partitions.values())

    async def _note(self, parts: Iterable[Partition]) -> None:
        if self._positions:
            committed = {part.tp: part.committed for part in parts}
            await self._positions.note(self.options.group, committed)

    async def _joined(self) -> AIOKafkaConsumer:
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
            max_poll_interval_ms=NEVER_MS,
            max_partition_fetch_bytes=options.max_fetch_bytes,
            session_timeout_ms=int(options.session_timeout_s * 1000),
            heartbeat_interval_ms=int(options.session_timeout_s * 1000 / 6),
            rebalance_timeout_ms=int(options.rebalance_timeout_s * 1000),
            **self._kafka.aiokafka(),
        )

    async def _fetch(self, asked: Iterable[TopicPartition]) -> Fetched:
        try:
            fetched: Fetched = await self._consumer.getmany(
                _NOWHERE,
                *asked,
                timeout_ms=POLL_MS,
                max_records=self.options.max_records,
            )
        except KafkaError as fault:
            await self._recover(fault)
            return {}
        self.polled_at_s = asyncio.get_running_loop().time()
        return fetched

    async def _recover(self, fault: KafkaError) -> None:
        """A broken membership is left and joined anew; what was read is re-read."""
        log.warning("fetch_failed", hop=self.options.name, error=type(fault).__name__)
        await asyncio.sleep(RETRY_WAIT_S)
        if not fault.retriable:
            await self._give_up(list(self.partitions.values()))
            await self._consumer.stop()
            self._consumer = await self._joined()

    def _accept(
        self,
        fetched: Fetched,
        asked: dict[TopicPartition, Partition],
    ) -> list[tuple[Partition, list[Record]]]:
        """Track what still belongs to us; put back what changed hands meanwhile.

        Between the drain inside `getmany` and this line nothing else runs, so a
        partition that is still the same object was ours all along.
        """
        groups = []
        for tp, records in fetched.items():
            part = self.partitions.get(tp)
            if part is asked[tp] and part.live:
                part.track([record.offset for record in records])
                groups.append((part, records))
            elif tp in self._consumer.assignment():
                self._consumer.seek(tp, records[0].offset)
        return groups

    async def _commit(self) -> None:
        owed = [part for part in self.partitions.values() if part.owes_commit]
        offsets = {part.tp: part.position for part in owed}
        if not offsets:
            return
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, CommitFailedError, IllegalStateError) as fault:
            log.warning("commit_failed", hop=self.options.name, error=str(fault))
            return
        for part in owed:
            part.committed = offsets[part.tp]

    def assigned(self, tps: Iterable[TopicPartition]) -> None:
        """New partitions: each is read once its state is there."""
        for tp in tps:
            part = self.partitions[tp] = Partition(tp)
            part.opening = asyncio.create_task(self._open(part))

    async def _open(self, part: Partition) -> None:
        """Recover the state of a partition, then let it be read."""
        while not part.closed:
            try:
                if self._positions:
                    part.committed = await self._positions.restore(
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

    async def revoked(self, tps: Iterable[TopicPartition]) -> None:
        """Partitions on their way out: settle, commit, let go."""
        await self._give_up(
            [self.partitions[tp] for tp in tps if tp in self.partitions]
        )

    async def _give_up(self, parts: Sequence[Partition]) -> None:
        for part in parts:
            part.closing = True
        idle = asyncio.gather(*(part.idle() for part in parts))
        if self._closing:
            self._closing(parts)
        try:
            await asyncio.wait_for(idle, self.options.drain_s)
        except TimeoutError:
            end_process(f"{self.options.name}: work outlived its partition")
        await self._last_commit(parts)
        for part in parts:
            self._let_go(part)

    async def _last_commit(self, parts: Sequence[Partition]) -> None:
        try:
            async with asyncio.timeout(self.options.commit_interval_s + 4):
                await self._commit()
                await self._note(parts)
        except TimeoutError:
            log.warning("last_commit_timed_out", hop=self.options.name)

    def _let_go(self, part: Partition) -> None:
        part.closed = True
        if part.opening:
            part.opening.cancel()
        if self.partitions.get(part.tp) is part:
            del self.partitions[part.tp]
        if self._close_partition:
            self._close_partition(part.tp.partition)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's callbacks, handed to the reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._reader.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._reader.assigned(assigned)
