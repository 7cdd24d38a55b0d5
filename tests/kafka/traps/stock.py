"""Worker on stock Faust, as its guide says: `python -m tests.kafka.traps.stock`.

Raw codecs and no topic declaration apart, every setting is Faust's default unless a
scenario is about it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import faust

from tests.kafka.traps.job import (
    DONE,
    FALL_BEHIND_S,
    FATAL,
    HOLDING,
    UNFINISHABLE,
    Job,
    Journal,
    add_to_row,
    job_from_argv,
)

_EVENTS_PER_PAUSE = 20
_BATCH_SIZE = 3
_BATCH_WITHIN_S = 1.0
_COMMIT_INTERVAL_S = 0.3
_PAUSE_POLL_S = 0.02

Stream: TypeAlias = Any
"""Faust stream, whose items depend on how it is used."""


class StockWorker:
    """Stock Faust app with a journal."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.journal = Journal(job)
        home = Path(job.home, job.name)
        home.mkdir(exist_ok=True)
        self.app = faust.App(
            job.group,
            broker=f"kafka://{job.bootstrap.replace(',', ';kafka://')}",
            datadir=home,
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            broker_commit_interval=_COMMIT_INTERVAL_S,
            broker_max_poll_interval=job.poll_interval_s,
            broker_session_timeout=job.session_s,
            broker_heartbeat_interval=job.session_s / 6,
            broker_rebalance_timeout=job.rebalance_s,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=job.buffer,
        )

    def run(self, stage: "Stage") -> None:
        """Run the worker until a signal ends it."""
        topic = self.app.topic(self.job.source, value_type=bytes, key_type=bytes)
        agent = stage(self)
        self.app.agent(topic, name=agent.__name__)(agent)
        worker = faust.Worker(self.app, loglevel="WARN", redirect_stdouts=False)
        worker.execute_from_commandline()

    def log_event(self, event: Any, kind: str = DONE) -> None:  # noqa: ANN401 - Faust's event
        """Write to the journal what became of the event."""
        self.journal.write(kind, (event.message.partition, event.message.offset))

    def break_once(self, value: bytes) -> None:
        """Raise on the fatal record while the fuse file exists."""
        fuse = self.job.switch_file("fuse")
        if value == FATAL and fuse.exists():
            fuse.unlink()
            raise RuntimeError

    async def wait_while_paused(self, event: Any) -> None:  # noqa: ANN401 - Faust's event
        """Wait while the pause file exists, and write so to the journal."""
        pause_file = self.job.switch_file("pause")
        if pause_file.exists():
            self.log_event(event, HOLDING)
        while pause_file.exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_PAUSE_POLL_S)


Stage: TypeAlias = Callable[[StockWorker], Callable[[Stream], AsyncIterator[Any] | Any]]


def copy(worker: StockWorker) -> Callable[[Stream], Any]:
    """Finish each event; break on the fatal event."""

    async def agent(stream: Stream) -> None:
        async for event in stream.events():
            await worker.wait_while_paused(event)
            worker.break_once(event.value)
            worker.log_event(event)

    return agent


def copy_batches(worker: StockWorker) -> Callable[[Stream], Any]:
    """Finish events in batches; break on the fatal event."""

    async def agent(stream: Stream) -> None:
        async for batch in stream.take_events(_BATCH_SIZE, within=_BATCH_WITHIN_S):
            for event in batch:
                worker.break_once(event.value)
            for event in batch:
                worker.log_event(event)

    return agent


def finish_in_reverse(worker: StockWorker) -> Callable[[Stream], Any]:
    """Acknowledge by hand; skip the unfinishable record while paused."""

    async def agent(stream: Stream) -> None:
        async for event in stream.noack().events():
            if event.value == UNFINISHABLE and worker.job.switch_file("pause").exists():
                worker.log_event(event, HOLDING)
                continue
            worker.log_event(event)
            event.ack()

    return agent


def fall_behind(worker: StockWorker) -> Callable[[Stream], Any]:
    """Pause the partitions while behind, as the consumer's API suggests."""

    async def agent(stream: Stream) -> None:
        consumer: Any = worker.app.consumer
        async for event in stream.events():
            if event.value == UNFINISHABLE:
                worker.log_event(event, HOLDING)
                tps = set(consumer.assignment())
                consumer.pause_partitions(tps)
                await asyncio.sleep(FALL_BEHIND_S)
                consumer.resume_partitions(tps)
            worker.log_event(event)

    return agent


def collect_in_table(worker: StockWorker) -> Callable[[Stream], Any]:
    """Add the values of each key to its row of a table."""
    rows = worker.app.Table("rows", key_type=bytes, value_type=bytes)

    async def agent(stream: Stream) -> None:
        count = 0
        async for event in stream.events():
            rows[event.key] = add_to_row(rows.get(event.key), event.value)
            worker.log_event(event)
            count += 1
            if count % _EVENTS_PER_PAUSE == 0:
                await asyncio.sleep(worker.job.pause_after_poll_s)

    return agent


STAGES: Mapping[str, Stage] = {
    "copy": copy,
    "copy_batches": copy_batches,
    "finish_in_reverse": finish_in_reverse,
    "fall_behind": fall_behind,
    "collect_in_table": collect_in_table,
}


if __name__ == "__main__":
    _job = job_from_argv()
    StockWorker(_job).run(STAGES[_job.stage])
