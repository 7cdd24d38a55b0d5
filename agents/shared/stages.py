"""Running of stages: a reader and an agent for each consumer group."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias

from faust.types import StreamT

from agents.engine.faust_app import EngineApp
from agents.engine.group_consumer import ReaderOptions
from agents.engine.partition import Partition, PartitionRecords, RecordBatch
from agents.engine.reader import Reader
from agents.engine.watchdog import exit_on_error
from agents.shared.context import Context
from agents.shared.metrics.busy import timed

Process: TypeAlias = Callable[[PartitionRecords], Coroutine[Any, Any, None]]
"""Processes the records of one fetch."""


def run_stage(  # noqa: PLR0913 - hooks of a reader; most stages have none
    app: EngineApp,
    context: Context,
    *,
    name: str,
    topics: Sequence[str],
    process: Process,
    marks_done: bool = False,
    open_partition: Callable[[int], Awaitable[None]] | None = None,
    close_partition: Callable[[int], None] | None = None,
    on_partitions_revoked: Callable[[Sequence[Partition]], None] | None = None,
) -> None:
    """Add a stage to the worker: a reader of topics, and the agent that processes.

    Args:
        app: App of the worker.
        context: Services of the worker.
        name: Name of the stage; also the suffix of its consumer group.
        topics: Topics to read.
        process: Processes the records of one fetch.
        marks_done: True if `process` marks each record as done itself, some of them
            after it returns; otherwise all records are done when it returns.
        open_partition: Called before the first record of a partition is read.
        close_partition: Called after a partition was revoked.
        on_partitions_revoked: Called when partitions are about to be revoked.
    """
    reader = Reader(
        app,
        kafka=context.kafka,
        options=_reader_options(context, name, topics),
        open_partition=open_partition,
        close_partition=close_partition,
        on_partitions_revoked=on_partitions_revoked,
        offset_backup=context.offset_backup,
    )

    metrics = context.metrics.stages[name]

    @app.agent(reader.channel, name=name)
    @exit_on_error
    async def process_batches(batches: StreamT[RecordBatch]) -> None:
        async for batch in batches:
            groups = batch.start()
            metrics.records_in.inc(sum(len(records) for _, records in groups))
            await timed(process(groups), metrics.busy_s)
            if not marks_done:
                batch.finish(groups)
                metrics.progress_s.set(context.now_ms() / 1000)
                continue
            for part, _ in groups:
                part.release()

    app.readers.append(reader)


def _reader_options(
    context: Context, name: str, topics: Sequence[str]
) -> ReaderOptions:
    settings = context.settings
    return ReaderOptions(
        name=name,
        group=f"{settings.app_id}.{name}",
        topics=tuple(topics),
        commit_interval_s=settings.commit_interval_s,
        session_timeout_s=settings.session_timeout_s,
        rebalance_timeout_s=settings.rebalance_timeout_s,
    )
