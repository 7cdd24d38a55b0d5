"""Run of many audience events through intake, activate and a lane, in one process."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from agents import activate, intake
from agents.engine.kafka import Record
from agents.engine.producer import Message
from agents.lanes.lane import LaneOptions
from agents.lanes.service import LaneService
from agents.shared.metrics.busy import timed
from agents.shared.metrics.registry import WorkerMetrics
from streams.delivery.outcome import Stage
from streams.settings.model import LaneId
from tests.support.lane_harness import ScriptedLane
from tests.support.worker_fakes import (
    FakeProducer,
    context,
    partition,
    record,
    track_records,
)

FETCH_RECORDS = 500
"""Records that a consumer hands on at a time, by Kafka's default `max.poll.records`."""

SETTLED_POLL_S = 0.25


def audience_events(users: int, audiences: int) -> list[Record]:
    """Return a source record for each user, who enters one of some audiences."""
    return [
        record(_event(user, user % audiences), offset=user, topic="source")
        for user in range(users)
    ]


def _event(user: int, audience: int) -> bytes:
    body: dict[str, Any] = {
        "type": "track",
        "event": "Audience Entered",
        "userId": f"u-{user}",
        "messageId": f"m-{user}",
        "timestamp": "2026-03-01T09:00:00Z",
        "properties": {"audience_key": f"audience-{audience}"},
        "context": {
            "traits": {"email": f"u-{user}@example.com"},
            "personas": {"computation_class": "audience"},
        },
    }
    return orjson.dumps(body)


class StageRun:
    """Stages that share a context, and a lane whose sends deliver at once.

    Args:
        metrics: Metrics of the worker.
    """

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._producer = FakeProducer()
        self._services = replace(context(self._producer), metrics=metrics)
        self._metrics = metrics
        options = LaneOptions(
            lane=LaneId.LISTS,
            batch_max_items=1_000,
            batch_max_age_s=0.25,
            max_pending_items=1_000_000,
            max_pending_bytes=1 << 30,
        )
        self._lane = LaneService(self._services, ScriptedLane(options))
        self._lane_part = partition("t.activations.lists")

    async def process(self, sources: Sequence[Record]) -> None:
        """Bring source records to their outcomes."""
        async with self._lane:
            for fetch in chunked(sources, FETCH_RECORDS):
                decode = intake.process_records(self._services, fetch)
                await self._run(Stage.INTAKE, decode, fetch)
            for fetch in chunked(self._read("t.events"), FETCH_RECORDS):
                groups = [(partition("t.events"), list(fetch))]
                await self._run(
                    Stage.ACTIVATE,
                    activate.process_batch(self._services, groups),
                    fetch,
                )
            for fetch in chunked(self._read("t.activations.lists"), FETCH_RECORDS):
                records = track_records(self._lane_part, *fetch)
                enqueue = self._lane.enqueue([(self._lane_part, records)])
                await self._run(Stage.DELIVER_LISTS, enqueue, fetch)
            while self._lane_part.unfinished_count:  # noqa: ASYNC110 - time is skipped
                await asyncio.sleep(SETTLED_POLL_S)

    async def _run(self, stage: Stage, work: Any, fetch: Sequence[Record]) -> None:  # noqa: ANN401 - a coroutine of a stage
        """Run a stage on a fetch, as `agents/shared/stages.py` does."""
        stage_metrics = self._metrics.stages[stage]
        stage_metrics.records_in.inc(len(fetch))
        await timed(work, stage_metrics.busy_s)

    def _read(self, topic: str) -> Iterator[Record]:
        for offset, message in enumerate(self._producer.to(topic)):
            yield _as_record(message, offset)


def chunked(records: Iterable[Record], size: int) -> Iterator[list[Record]]:
    """Yield the records in fetches of a size."""
    rest = iter(records)
    while fetch := list(islice(rest, size)):
        yield fetch


def _as_record(message: Message, offset: int) -> Record:
    return record(
        message.value,
        offset=offset,
        key=message.key,
        headers=message.headers,
        topic=message.topic,
    )
