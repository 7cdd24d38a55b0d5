"""Resolution of list requests: a list is found or created once for each audience.

Requests are keyed by audience, so only a single worker at a time resolves an audience.
The list mapping is on the compacted audience-lists topic before the request is
acknowledged. If a worker is killed between the creation of a list and that record, the
next worker finds the list by its name.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from agents.engine.kafka import Record
from agents.engine.partition import Partition, PartitionRecords
from agents.engine.producer import Message
from agents.engine.watchdog import end_process
from agents.shared.context import Context
from streams.audiences.list_mapping import (
    ListMapping,
    ListRequest,
    decode_list_request,
    encode_json,
    list_mapping_of,
)
from streams.errors import EngineError
from streams.klaviyo.api.results import DailyQuotaExhausted, ListNameRejected
from streams.klaviyo.lookups.lists import create_list, find_list

log = structlog.get_logger(__name__)

NAME = "list_resolver"
"""Name of the stage; also the suffix of its consumer group."""


class ListResolver:
    """Runner of list requests: audiences in parallel, each audience in sequence.

    A revoked partition waits for a request that Klaviyo is processing; otherwise the
    next owner could create the list a second time. The partition does not wait for a
    request that sleeps until the daily quota is renewed.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._grace_s = context.settings.rebalance_timeout_s / 4
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: dict[asyncio.Task[None], Partition] = {}

    async def process_batch(self, groups: PartitionRecords) -> None:
        """Start all requests of a fetch; each request ends with the resolved list."""
        for part, records in groups:
            for record in records:
                self.start(part, record)

    def start(self, part: Partition, record: Record) -> None:
        """Start a request; the record is done when the list mapping is durable."""
        task = asyncio.create_task(self._resolve_until_done(part, record))
        self._tasks[task] = part
        task.add_done_callback(self._on_task_done)

    def on_partitions_revoked(self, parts: Sequence[Partition]) -> None:
        """Give requests of revoked partitions a grace period to complete."""
        loop = asyncio.get_running_loop()
        for task, part in self._tasks.items():
            if part in parts:
                loop.call_later(self._grace_s, task.cancel)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            end_process(f"{NAME}: {type(fault).__name__}")

    async def _resolve_until_done(self, part: Partition, record: Record) -> None:
        """Retry until the request is resolved or another worker owns the partition."""
        try:
            request = decode_list_request(record.value or b"")
        except msgspec.MsgspecError:
            log.warning(
                "request_unreadable", partition=part.tp.partition, offset=record.offset
            )
            part.mark_done((record.offset,))
            return
        lock = self._locks.setdefault(request.audience, asyncio.Lock())
        async with lock:
            while part.is_active:
                part.hold()
                try:
                    wait_s = await self._resolve(request)
                    if not wait_s:
                        part.mark_done((record.offset,))
                        return
                finally:
                    part.release()
                await asyncio.sleep(wait_s)

    async def _resolve(self, request: ListRequest) -> float:
        """Resolve a request; return the seconds to wait for a quota, or 0 when done."""
        await self._context.audience_lists.catch_up()
        current = list_mapping_of(self._context.audience_lists.rows, request.audience)
        if current.list_id not in ("", request.missing_list_id):
            return 0.0
        resolved = await self._find_or_create(request)
        if isinstance(resolved, DailyQuotaExhausted):
            log.warning(
                "list_quota_used_up",
                retry_after_s=resolved.retry_after_s,
                fix="150 lists a day can be created; map the audience to a list in "
                "audience_lists, or wait",
            )
            return resolved.retry_after_s
        topic = self._context.topics.audience_lists
        row = Message(
            topic, request.audience.encode(), encode_json(resolved), partition=0
        )
        await self._context.producer.send([row])
        log.info(
            "list_resolved", created=resolved.created, refused=resolved.refusal_reason
        )
        return 0.0

    async def _find_or_create(
        self, request: ListRequest
    ) -> ListMapping | DailyQuotaExhausted:
        klaviyo = self._context.klaviyo
        try:
            existing_list_id = await find_list(klaviyo, request.audience)
        except EngineError as fault:
            return ListMapping(list_id="", refusal_reason=str(fault))
        if existing_list_id is not None and existing_list_id != request.missing_list_id:
            return ListMapping(list_id=existing_list_id)
        created = await create_list(klaviyo, request.audience)
        if isinstance(created, ListNameRejected):
            return ListMapping(list_id="", refusal_reason=created.reason)
        if isinstance(created, DailyQuotaExhausted):
            return created
        return ListMapping(list_id=created, created=True)
