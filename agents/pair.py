"""Beside hop 3: an audience without a list gets one, found or created, just once.

Requests are keyed by audience, so one worker at a time decides for an audience; what it
decides is on the compacted lists topic before the request is acknowledged. Killed
between the creation and that, its successor finds the list by its name.
"""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog
from faust.types import StreamT

from agents.context import Context
from agents.engine.boot import EngineApp
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.poll import Poll
from agents.engine.producer import Message
from agents.engine.reader import Reader
from agents.engine.watchdog import end_process, guarded
from streams.audiences.pairing import (
    Pairing,
    PairingRequest,
    decode_request,
    encode,
    paired,
)
from streams.errors import EngineError
from streams.klaviyo.lists import create_list, find_list
from streams.klaviyo.results import DailyQuota, ListRefused

log = structlog.get_logger(__name__)

STAGE = "pair"


def register(app: EngineApp, pairer: "Pairer", reader: Reader) -> None:
    """Put the agent on the reader's channel."""

    @app.agent(reader.channel, name=STAGE)
    @guarded
    async def pair(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            for part, records in poll.begin():
                for record in records:
                    pairer.take(part, record)
                part.release()


class Pairer:
    """Requests under way: audiences side by side, one audience one at a time.

    A partition waits for a request that is with Klaviyo, or its next owner could make
    the list a second time; it does not wait for one that sleeps until tomorrow.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._grace_s = context.settings.rebalance_timeout_s / 4
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: dict[asyncio.Task[None], Partition] = {}

    def take(self, part: Partition, record: Record) -> None:
        """Begin a request; its record is done when the pairing is durable."""
        task = asyncio.create_task(self._answer(part, record))
        self._tasks[task] = part
        task.add_done_callback(self._ended)

    def closing(self, parts: Sequence[Partition]) -> None:
        """Partitions on their way out: what is with Klaviyo gets a grace."""
        loop = asyncio.get_running_loop()
        for task, part in self._tasks.items():
            if part in parts:
                loop.call_later(self._grace_s, task.cancel)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            end_process(f"{STAGE}: {type(fault).__name__}")

    async def _answer(self, part: Partition, record: Record) -> None:
        """Try until it is done or the partition, and so the request, is another's."""
        try:
            request = decode_request(record.value or b"")
        except msgspec.MsgspecError:
            log.warning(
                "request_unreadable", partition=part.tp.partition, offset=record.offset
            )
            part.done((record.offset,))
            return
        lock = self._locks.setdefault(request.audience, asyncio.Lock())
        async with lock:
            while part.live:
                part.hold()
                try:
                    wait_s = await self._pair(request)
                    if not wait_s:
                        part.done((record.offset,))
                        return
                finally:
                    part.release()
                await asyncio.sleep(wait_s)

    async def _pair(self, request: PairingRequest) -> float:
        """Pair unless that is done; seconds to wait when there is no list today."""
        await self._context.lists.catch_up()
        known = paired(self._context.lists.rows, request.audience)
        if known.list_id not in ("", request.gone):
            return 0.0
        pairing = await self._found_or_created(request)
        if isinstance(pairing, DailyQuota):
            log.warning(
                "list_quota_used_up",
                retry_after_s=pairing.retry_after_s,
                fix="150 lists a day can be created; pair the audience with a list in "
                "audience_lists, or wait",
            )
            return pairing.retry_after_s
        topic = self._context.settings.topics.lists
        row = Message(topic, request.audience.encode(), encode(pairing), partition=0)
        await self._context.producer.send([row])
        log.info("list_paired", created=pairing.created, refused=pairing.refused)
        return 0.0

    async def _found_or_created(self, request: PairingRequest) -> Pairing | DailyQuota:
        klaviyo = self._context.klaviyo
        try:
            found = await find_list(klaviyo, request.audience)
        except EngineError as fault:
            return Pairing(list_id="", refused=str(fault))
        if found is not None and found != request.gone:
            return Pairing(list_id=found)
        made = await create_list(klaviyo, request.audience)
        if isinstance(made, ListRefused):
            return Pairing(list_id="", refused=made.reason)
        if isinstance(made, DailyQuota):
            return made
        return Pairing(list_id=made, created=True)
