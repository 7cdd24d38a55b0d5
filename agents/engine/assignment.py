"""Partitions assigned to a reader, from recovery to the last commit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.engine.group_consumer import (
    RETRY_WAIT_S,
    FetchedRecords,
    GroupConsumer,
    ReaderOptions,
)
from agents.engine.offset_backup import OffsetBackup
from agents.engine.partition import Partition, PartitionRecords
from agents.engine.watchdog import end_process
from streams.errors import EngineError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionHooks:
    """Parts of a stage that follow the life of partitions; each may be absent.

    Attributes:
        open_partition: Recovers the state of a partition before records are read.
        close_partition: Frees the state of a partition that was revoked.
        on_partitions_revoked: Told at once when a revocation begins.
        offset_backup: Second copy of the committed offsets.
    """

    open_partition: Callable[[int], Awaitable[None]] | None = None
    close_partition: Callable[[int], None] | None = None
    on_partitions_revoked: Callable[[Sequence[Partition]], None] | None = None
    offset_backup: OffsetBackup | None = None


class Assignment:
    """Owned partitions of a group member: recovered, read, committed, given back.

    Attributes:
        partitions: Partitions owned now.
    """

    def __init__(
        self, consumer: GroupConsumer, *, options: ReaderOptions, hooks: PartitionHooks
    ) -> None:
        self.partitions: dict[TopicPartition, Partition] = {}
        self._consumer = consumer
        self._options = options
        self._hooks = hooks

    def active(self) -> dict[TopicPartition, Partition]:
        """Return the partitions that may be read now."""
        return {
            tp: part
            for tp, part in self.partitions.items()
            if part.is_active and not part.paused
        }

    def accept(
        self, fetched: FetchedRecords, polled: Mapping[TopicPartition, Partition]
    ) -> PartitionRecords:
        """Track records of partitions still owned; seek back in all others.

        Between the drain inside `getmany` and this call no other code runs. So a
        partition that is still the same object was owned all the time.
        """
        groups: PartitionRecords = []
        for tp, records in fetched.items():
            part = self.partitions.get(tp)
            if part is polled[tp] and part.is_active:
                part.track(
                    [record.offset for record in records],
                    first_ms=records[0].timestamp,
                    last_ms=records[-1].timestamp,
                )
                groups.append((part, records))
            else:
                self._consumer.seek_back(records, tp)
        return groups

    def add(self, tps: Iterable[TopicPartition]) -> None:
        """Take new partitions over: recover the state, then allow reads."""
        for tp in tps:
            part = self.partitions[tp] = Partition(tp)
            part.recovery_task = asyncio.create_task(self._recover(part))

    async def revoke(self, tps: Iterable[TopicPartition]) -> None:
        """Give partitions back: finish work in progress, commit, free the state."""
        parts = [self.partitions[tp] for tp in tps if tp in self.partitions]
        for part in parts:
            part.revoking = True
        all_idle = asyncio.gather(*(part.wait_idle() for part in parts))
        if self._hooks.on_partitions_revoked:
            self._hooks.on_partitions_revoked(parts)
        try:
            await asyncio.wait_for(all_idle, self._options.drain_timeout_s)
        except TimeoutError:
            end_process(f"{self._options.name}: work outlived its partition")
        await self._final_commit(parts)
        for part in parts:
            self._drop(part)

    async def revoke_all(self) -> None:
        """Give every partition back, as `revoke` does."""
        await self.revoke(list(self.partitions))

    async def commit(self) -> None:
        """Commit the finished offsets of every partition."""
        for part in list(self.partitions.values()):
            if part.commit_offset is not None and not part.unfinished_count:
                part.skip_to(await self._consumer.position(part.tp))
        uncommitted = [
            part for part in self.partitions.values() if part.has_uncommitted
        ]
        offsets = {part.tp: part.commit_offset for part in uncommitted}
        if offsets and await self._consumer.commit(offsets):
            for part in uncommitted:
                part.committed_offset = offsets[part.tp]

    async def back_up_offsets(self, parts: Iterable[Partition]) -> None:
        """Copy committed offsets to the offset-backup topic."""
        if self._hooks.offset_backup:
            committed = {part.tp: part.committed_offset for part in parts}
            await self._hooks.offset_backup.save(self._options.group, committed)

    async def _recover(self, part: Partition) -> None:
        """Recover the state of a partition, then allow reads."""
        while not part.revoked:
            try:
                await self._open(part)
            except KafkaError as fault:
                log.warning("recovery_retried", error=type(fault).__name__)
                await asyncio.sleep(RETRY_WAIT_S)
            except EngineError as fault:
                end_process(str(fault))
            else:
                break
        part.ready = True

    async def _open(self, part: Partition) -> None:
        if self._hooks.offset_backup:
            part.committed_offset = await self._hooks.offset_backup.restore(
                self._options.group, part.tp, self._consumer.client
            )
        if self._hooks.open_partition:
            await self._hooks.open_partition(part.tp.partition)

    async def _final_commit(self, parts: Sequence[Partition]) -> None:
        try:
            async with asyncio.timeout(self._options.commit_interval_s + 4):
                await self.commit()
                await self.back_up_offsets(parts)
        except TimeoutError:
            log.warning("last_commit_timed_out", stage=self._options.name)

    def _drop(self, part: Partition) -> None:
        part.revoked = True
        if part.recovery_task:
            part.recovery_task.cancel()
        if self.partitions.get(part.tp) is part:
            del self.partitions[part.tp]
        if self._hooks.close_partition:
            self._hooks.close_partition(part.tp.partition)
