"""Worker on our engine around the stage of a scenario."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import faust
from faust.types import StreamT

from agents.engine.faust_app import EngineApp, reader_poll_ages_s
from agents.engine.group_consumer import ReaderOptions
from agents.engine.kafka import KafkaAccess, Record
from agents.engine.partition import Partition, PartitionRecords, RecordBatch
from agents.engine.producer import Producer
from agents.engine.reader import Reader
from agents.engine.table import Table
from agents.engine.watchdog import Watchdog, exit_on_error
from tests.kafka.traps.job import (
    DONE,
    HOLDING,
    OPENED,
    OPENING,
    Job,
    Journal,
    TableStore,
)

_PAUSE_POLL_S = 0.02

Stage: TypeAlias = Callable[["EngineWorker", RecordBatch], Awaitable[None]]


class EngineWorker:
    """Worker with one reader, one stage, and a table if the job asks for it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.journal = Journal(job)
        self.app = EngineApp(job.group, web_enabled=False, datadir=_data_dir(job))
        kafka = KafkaAccess(bootstrap=job.bootstrap)
        self.producer = Producer(kafka)
        self.table = self._table(kafka)
        self.reader = self._reader(kafka)
        watchdog = Watchdog(
            frozen_limit_s=job.session_s,
            stuck_limit_s=60,
            poll_ages_s=partial(reader_poll_ages_s, self.app),
        )
        self.app.base_services = [self.producer, watchdog]
        self.app.readers = [self.reader]

    def run(self, stage: Stage) -> None:
        """Run the worker until a signal ends it."""

        @exit_on_error
        async def agent(batches: StreamT[RecordBatch]) -> None:
            async for batch in batches:
                await stage(self, batch)

        self.app.agent(self.reader.channel)(agent)
        worker = faust.Worker(self.app, loglevel="WARN", redirect_stdouts=False)
        worker.execute_from_commandline()

    def log_done(self, part: Partition, records: list[Record]) -> None:
        """Write to the journal that the records are done."""
        locations = [(part.tp.partition, record.offset) for record in records]
        self.journal.write(DONE, *locations)

    async def wait_while_paused(self, groups: PartitionRecords) -> None:
        """Wait while the pause file exists, and write so to the journal."""
        pause_file = self.job.switch_file("pause")
        if pause_file.exists():
            self.journal.write(HOLDING, *first_offsets(groups))
        while pause_file.exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_PAUSE_POLL_S)

    def _table(self, kafka: KafkaAccess) -> Table:
        return Table(
            changelog=self.job.changelog,
            kafka=kafka,
            producer=self.producer,
            merge=lambda _key, _current, recovered: recovered,
            directory=_data_dir(self.job)
            if self.job.store is TableStore.ROCKSDB
            else None,
        )

    def _reader(self, kafka: KafkaAccess) -> Reader:
        has_table = self.job.store is not TableStore.NONE
        return Reader(
            self.app,
            kafka=kafka,
            options=ReaderOptions(
                name="stage",
                group=self.job.group,
                topics=(self.job.source,),
                max_records=self.job.max_records,
                commit_interval_s=0.1,
                session_timeout_s=self.job.session_s,
                rebalance_timeout_s=self.job.rebalance_s,
            ),
            open_partition=self._open,
            close_partition=self.table.close if has_table else None,
        )

    async def _open(self, partition: int) -> None:
        self.journal.write(OPENING, (partition, 0))
        while self.job.switch_file("recovery").exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(_PAUSE_POLL_S)
        if self.job.store is not TableStore.NONE:
            await self.table.open(partition)
        self.journal.write(OPENED, (partition, 0))


def first_offsets(groups: PartitionRecords) -> list[tuple[int, int]]:
    """Return the first offset of each partition in the batch."""
    return [(part.tp.partition, records[0].offset) for part, records in groups]


def _data_dir(job: Job) -> Path:
    home = Path(job.home, job.name)
    home.mkdir(exist_ok=True)
    return home
