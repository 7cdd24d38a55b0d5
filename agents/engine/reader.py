"""Reader of a stage: hands records on and commits only finished records.

It replaces Faust's consumer and conductor, which skip records and commit over
unfinished ones (tests/kafka/test_traps_stock.py). The stage's agent is fed through an
ordinary Faust channel.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import AppT, ChannelT
from mode import Service

from agents.engine.assignment import Assignment, PartitionHooks
from agents.engine.group_consumer import (
    RETRY_WAIT_S,
    FetchedRecords,
    GroupConsumer,
    ReaderOptions,
)
from agents.engine.kafka import KafkaAccess
from agents.engine.offset_backup import OffsetBackup
from agents.engine.partition import Partition, RecordBatch
from agents.engine.refusals import fix_of
from streams.errors import EngineError

log = structlog.get_logger(__name__)

BACKUP_INTERVAL_S = 5.0

LAG_TIMEOUT_S = 10.0
"""Longest wait for end offsets, seconds; our own."""


class Reader(Service):
    """Consumer group member that fetches, hands on, and commits the finished prefix.

    Attributes:
        channel: Carries the batches to the stage's agent, one at a time.
        options: Settings of the reader.
        waiting_for_stage: The agent has not taken the last batch yet.
        rebalance_count: Assignments of partitions so far.
    """

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
        self.waiting_for_stage = False
        self.rebalance_count = 0
        self._has_joined = False
        self._consumer = GroupConsumer(
            kafka, options, on_assigned=self.on_assigned, on_revoked=self.on_revoked
        )
        self._assignment = Assignment(
            self._consumer,
            options=options,
            hooks=PartitionHooks(
                open_partition=open_partition,
                close_partition=close_partition,
                on_partitions_revoked=on_partitions_revoked,
                offset_backup=offset_backup,
            ),
        )

    @property
    def label(self) -> str:
        """Name of the service in logs."""
        return f"Reader: {self.options.name}"

    @property
    def partitions(self) -> dict[TopicPartition, Partition]:
        """Partitions that Kafka has assigned to this reader."""
        return self._assignment.partitions

    @property
    def polled_at_s(self) -> float:
        """Loop time of the last successful poll; 0 before the first."""
        return self._consumer.polled_at_s

    @property
    def has_joined(self) -> bool:
        """True once the reader has joined its consumer group."""
        return self._has_joined

    async def fetch_lags(self) -> dict[TopicPartition, int]:
        """Fetch the number of unfinished records of each partition.

        Raises:
            EngineError: Kafka does not answer within `LAG_TIMEOUT_S`.
        """
        try:
            async with asyncio.timeout(LAG_TIMEOUT_S):
                ends = await self._consumer.fetch_ends(self.partitions)
        except (KafkaError, IllegalStateError, TimeoutError) as fault:
            raise EngineError(f"no end offsets: {type(fault).__name__}") from fault
        return {
            tp: max(0, end - part.first_unfinished(position))
            for tp, (position, end) in ends.items()
            if (part := self.partitions.get(tp))
        }

    async def on_start(self) -> None:
        """Join the group; wait for the brokers as long as necessary."""
        await self._consumer.join()
        self._has_joined = True

    async def on_stop(self) -> None:
        """Finish and commit work in progress, then leave the group."""
        if self._has_joined:
            await self._assignment.revoke_all()
            await self._consumer.leave()

    def on_assigned(self, tps: Iterable[TopicPartition]) -> None:
        """Recover new partitions, then read each."""
        self.rebalance_count += 1
        self._assignment.add(tps)

    async def on_revoked(self, tps: Iterable[TopicPartition]) -> None:
        """Finish, commit and free partitions that another worker gets."""
        await self._assignment.revoke(tps)

    @Service.task
    async def _read(self) -> None:
        while not self.should_stop:
            polled = self._assignment.active()
            groups = self._assignment.accept(await self._fetch(polled), polled)
            if groups:
                self.waiting_for_stage = True
                await self.channel.put(RecordBatch(groups))  # type: ignore[arg-type] # a channel carries any value; Faust types only events
            self.waiting_for_stage = False

    @Service.task
    async def _commit_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self.options.commit_interval_s)
            await self._assignment.commit()

    @Service.task
    async def _back_up_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(BACKUP_INTERVAL_S)
            await self._assignment.back_up_offsets(self.partitions.values())

    async def _fetch(self, polled: Iterable[TopicPartition]) -> FetchedRecords:
        try:
            return await self._consumer.fetch(polled)
        except KafkaError as fault:
            stage, error = self.options.name, type(fault).__name__
            log.warning("fetch_failed", stage=stage, error=error, **fix_of(error))
            await asyncio.sleep(RETRY_WAIT_S)
            if not fault.retriable:  # a broken membership is left, and joined anew
                await self._assignment.revoke_all()
                await self._consumer.leave()
                await self._consumer.join()
            return {}
