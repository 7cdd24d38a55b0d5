"""Service of one lane: queues records, dispatches batches, expires old items."""

import asyncio
from collections.abc import Sequence

import structlog
from mode import Service

from agents.engine.kafka import Record
from agents.engine.partition import Partition, PartitionRecords
from agents.lanes.dispatcher import SUPERSEDED, Dispatcher, Settlement, Settler
from agents.lanes.lane import Lane
from agents.lanes.pending import PendingQueue, pending_record
from agents.shared.context import Context
from streams.actions.activation import decode_activation
from streams.delivery.coalescer import QueuedItem
from streams.delivery.duplicates import DuplicateFilter
from streams.delivery.outcome import Stage
from streams.delivery.verdict import Reason, dead_letter, discarded
from streams.errors import PoisonRecord

log = structlog.get_logger(__name__)

IDLE_TICK_S = 0.05
BUSY_TICK_S = 0.005
"""Shorter tick while batches are cut: a batch needs that long to reach the limiter."""

EXPIRY_INTERVAL_S = 5.0
"""Interval of the search for items that waited too long."""

DUPLICATE = discarded(
    "duplicate: the lane has this activation already, from before a worker ended"
)
EXPIRED = dead_letter(
    "expired: it, or what came after it of its kind, waited longer than expire_after_s"
)


class LaneService(Service):
    """Runs one lane of the deliver stage.

    Args:
        context: Services of the worker.
        lane: The lane: which batches may be sent, when, and how.
    """

    def __init__(self, context: Context, lane: Lane) -> None:
        super().__init__()
        self.stage = Stage.deliver(lane.options.lane)
        self._context = context
        self._lane = lane
        self._duplicates = DuplicateFilter()
        self._queue = PendingQueue(
            merge=lane.merge,
            reservations=lane.reservations,
            max_items=lane.options.max_pending_items,
            max_bytes=lane.options.max_pending_bytes,
        )
        self._settler = Settler(
            context, self.stage, queue=self._queue, duplicates=self._duplicates
        )
        self._dispatcher = Dispatcher(lane, queue=self._queue, settler=self._settler)

    @property
    def label(self) -> str:
        """Name of the service in logs."""
        return f"Lane: {self.stage}"

    async def on_partition_assigned(self, partition: int) -> None:
        """Prepare the lane for a partition before its first record is read."""
        await self._lane.on_partition_assigned(partition)

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Forget waiting items, and give sends in flight a grace period."""
        self._queue.revoke(parts)
        self._dispatcher.cancel_after_grace()
        log.info("partitions_revoked", stage=self.stage, partitions=len(parts))

    async def enqueue(self, groups: PartitionRecords) -> None:
        """Queue fetched records, and return when there is capacity for more."""
        settlements: list[Settlement] = []
        for part, records in groups:
            for record in records:
                self._queue.track(part, record)
                settlements += self._enqueue_record(part, record)
        if settlements:
            await self._settler.settle(settlements)
        await self._expire()
        await self._queue.wait_for_capacity()

    def _enqueue_record(self, part: Partition, record: Record) -> list[Settlement]:
        """Queue a record, and return the records that end with that."""
        default_expiry_s = self._context.settings.expire_after_s
        try:
            activation = decode_activation(record.value)
        except PoisonRecord as poison:
            pending = pending_record(part, record, default_expiry_s=default_expiry_s)
            reason = str(Reason(poison.code, poison.reason))
            return [(pending, dead_letter(reason))]
        pending = pending_record(
            part, record, default_expiry_s=default_expiry_s, activation=activation
        )
        is_duplicate = self._duplicates.is_duplicate(
            pending.value or b"",
            offset=(part.tp.partition, pending.offset),
            user=activation.user,
            cause=pending.cause,
        )
        if is_duplicate:
            return [(pending, DUPLICATE)]
        now_s = asyncio.get_running_loop().time()
        item = QueuedItem.of(activation, records=(pending,), queued_s=now_s)
        return [(superseded, SUPERSEDED) for superseded in self._queue.add(item)]

    @Service.task
    async def _dispatch_forever(self) -> None:
        while not self.should_stop:
            has_started = self._dispatcher.start_batches()
            await asyncio.sleep(BUSY_TICK_S if has_started else IDLE_TICK_S)

    @Service.task
    async def _expire_regularly(self) -> None:
        while not self.should_stop:
            await self._expire()
            await asyncio.sleep(EXPIRY_INTERVAL_S)

    async def _expire(self) -> None:
        """Give up items that waited too long; items in flight get their verdict."""
        expired = self._queue.drop_expired(now_ms=self._context.now_ms())
        if expired:
            await self._settler.settle([(pending, EXPIRED) for pending in expired])
