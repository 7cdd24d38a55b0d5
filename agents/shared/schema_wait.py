"""Wait for schemas: records of a partition that need schemas not known yet.

A partition waits alone: the others go on. It is not fetched from meanwhile, so at most
the records of two fetches are in memory for each. Records that wait hold up no
rebalance and no stop: the next owner of the partition reads them again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeAlias

from agents.engine.kafka import Record
from agents.engine.partition import Partition, PartitionRecords
from agents.engine.watchdog import exit_on_error
from agents.shared.context import Context
from agents.shared.records import read_record
from agents.shared.registry.store import Key
from streams.events.wire_formats.decode import needed_schemas

ProcessRecords: TypeAlias = Callable[[Sequence[Record]], Awaitable[None]]

CHECK_S: Final = 1.0
"""Interval at which a partition that waits is looked at: it may be revoked."""


class SchemaWait:
    """Intake of records that are converted with schemas of a registry.

    Args:
        context: Services of the worker.
        process: Processes records whose schemas are known; durable on return.
    """

    def __init__(self, context: Context, *, process: ProcessRecords) -> None:
        self._context = context
        self._process = process
        self._waiting: dict[Partition, list[Record]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def process_batch(self, groups: PartitionRecords) -> None:
        """Process the partitions with known schemas; the other partitions wait."""
        ready: PartitionRecords = []
        for part, records in groups:
            if part in self._waiting:
                self._waiting[part] += records
            elif self._unknown_schemas(records):
                self._start_waiting(part, records)
            else:
                ready.append((part, records))
        await self._process_now(ready)

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Forget the records of partitions that another worker will have."""
        for part in parts:
            self._waiting.pop(part, None)

    def _start_waiting(self, part: Partition, records: Sequence[Record]) -> None:
        part.paused = True
        self._waiting[part] = list(records)
        task = asyncio.create_task(self._wait(part))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @exit_on_error
    async def _wait(self, part: Partition) -> None:
        """Process the records of a partition once the schemas are known."""
        while records := [*self._waiting.get(part, ())]:
            keys = self._unknown_schemas(records)
            if not await self._context.schemas.resolve(keys, timeout_s=CHECK_S):
                continue
            if part not in self._waiting or not part.is_active:
                break
            del self._waiting[part][: len(records)]
            part.hold()
            try:
                await self._process_now([(part, records)])
            finally:
                part.release()
        self._waiting.pop(part, None)
        part.paused = False

    async def _process_now(self, groups: PartitionRecords) -> None:
        await self._process([record for _, records in groups for record in records])
        for part, records in groups:
            part.mark_done([record.offset for record in records])

    def _unknown_schemas(self, records: Sequence[Record]) -> set[Key]:
        schemas = self._context.schemas
        return {
            key
            for record in records
            for key in self._schemas_of(record)
            if not schemas.is_resolved(key)
        }

    def _schemas_of(self, record: Record) -> Iterator[Key]:
        """Yield the schemas of a record; none for a source without a registry."""
        is_internal = record.topic == self._context.topics.reprocess
        source = self._context.converted_topics.get(record.topic)
        if not is_internal and (source is None or source.registry is None):
            return
        stage_record = read_record(record, is_internal=is_internal)
        source = self._context.converted_topics.get(stage_record.origin.topic)
        if source is None or source.registry is None or stage_record.is_canonical:
            return
        max_bytes = self._context.settings.max_event_bytes
        source_record = stage_record.to_source_record()
        for name in needed_schemas(source_record, source, max_bytes=max_bytes):
            yield source.registry, name
