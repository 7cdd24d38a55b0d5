"""Beside hop 3: an audience without a list gets one, found or created, just once.

Requests are keyed by audience, so one worker at a time decides for an audience; what it
decides is on the compacted lists topic before the request is acknowledged. Killed
between the creation and that, its successor finds the list by its name.
"""

import asyncio

import structlog
from faust.types import StreamT

from agents.context import Context
from agents.engine.boot import EngineApp
from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.producer import Message
from agents.engine.reader import Poll, Reader
from agents.engine.watchdog import end_process, guarded
from streams.audiences.pairing import (
    Pairing,
    decode_request,
    encode,
    paired,
)
from streams.errors import EngineError
from streams.klaviyo.lists import create_list, find_list
from streams.klaviyo.results import DailyQuota, ListRefused

log = structlog.get_logger(__name__)

STAGE = "pair"


def register(app: EngineApp, context: Context, reader: Reader) -> None:
    """Put the agent on the reader's channel."""
    pairer = Pairer(context)

    @app.agent(reader.channel, name=STAGE)
    @guarded
    async def pair(polls: StreamT[Poll]) -> None:
        async for poll in polls:
            for part, records in poll.begin():
                for record in records:
                    pairer.take(part, record)
                part.release()


class Pairer:
    """Requests under way: audiences side by side, one audience one at a time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, part: Partition, record: Record) -> None:
        """Begin a request; its record is done when the pairing is durable."""
        task = asyncio.create_task(self._answer(part, record))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            end_process(f"{STAGE}: {type(fault).__name__}")

    async def _answer(self, part: Partition, record: Record) -> None:
        request = decode_request(record.value or b"")
        lock = self._locks.setdefault(request.audience, asyncio.Lock())
        async with lock:
            await self._context.lists.catch_up()
            known = paired(self._context.lists.rows, request.audience)
            if known.list_id in ("", request.gone) and not part.closed:
                await self._pair(request.audience, gone=request.gone)
        part.done((record.offset,))

    async def _pair(self, audience: str, *, gone: str) -> None:
        try:
            found = await find_list(self._context.klaviyo, audience)
        except EngineError as fault:
            pairing = Pairing(list_id="", refused=str(fault))
        else:
            known = Pairing(list_id=found or "")
            lacking = known.list_id in ("", gone)
            pairing = await self._created(audience) if lacking else known
        topic = self._context.settings.topics.lists
        row = Message(topic, audience.encode(), encode(pairing), partition=0)
        await self._context.producer.send([row])
        log.info("list_paired", created=pairing.created, refused=pairing.refused)

    async def _created(self, name: str) -> Pairing:
        klaviyo = self._context.klaviyo
        while isinstance(made := await create_list(klaviyo, name), DailyQuota):
            log.warning(
                "list_quota_used_up",
                retry_after_s=made.retry_after_s,
                fix="150 lists a day can be created; pair the audience with a list in "
                "audience_lists, or wait",
            )
            await asyncio.sleep(made.retry_after_s)
        if isinstance(made, ListRefused):
            return Pairing(list_id="", refused=made.reason)
        return Pairing(list_id=made, created=True)
