"""Worker on this project's engine: `python -m tests.kafka.traps.ours <job>`."""

import asyncio
from collections.abc import Mapping

from agents.engine.kafka import Record
from agents.engine.partition import Partition, RecordBatch
from tests.kafka.traps.engine_worker import EngineWorker, Stage, first_offsets
from tests.kafka.traps.job import (
    FALL_BEHIND_S,
    FATAL,
    HOLDING,
    TAKEN,
    UNFINISHABLE,
    add_to_row,
    job_from_argv,
)


async def copy(worker: EngineWorker, batch: RecordBatch) -> None:
    """Finish each record, but wait while the pause file exists."""
    groups = batch.start()
    await worker.wait_while_paused(groups)
    for part, records in groups:
        worker.log_done(part, records)
    batch.finish(groups)


async def fall_behind(worker: EngineWorker, batch: RecordBatch) -> None:
    """Fall behind by several polls at each unfinishable record."""
    groups = batch.start()
    for part, records in groups:
        for record in records:
            if record.value == UNFINISHABLE:
                worker.journal.write(HOLDING, (part.tp.partition, record.offset))
                await asyncio.sleep(FALL_BEHIND_S)
        worker.log_done(part, records)
    batch.finish(groups)


async def break_once(worker: EngineWorker, batch: RecordBatch) -> None:
    """Raise on the fatal record while the fuse file exists; otherwise copy."""
    groups = batch.start()
    fuse = worker.job.switch_file("fuse")
    for part, records in groups:
        for record in records:
            if record.value == FATAL and fuse.exists():
                fuse.unlink()
                raise RuntimeError
            worker.log_done(part, [record])
    batch.finish(groups)


async def finish_in_reverse(worker: EngineWorker, batch: RecordBatch) -> None:
    """Finish records in reverse; leave the unfinishable record while paused."""
    groups = batch.start()
    is_paused = worker.job.switch_file("pause").exists()
    for part, records in groups:
        for record in reversed(records):
            if record.value == UNFINISHABLE and is_paused:
                worker.journal.write(HOLDING, (part.tp.partition, record.offset))
                continue
            worker.log_done(part, [record])
            part.mark_done([record.offset])
    if not is_paused:
        batch.finish(groups)


async def collect_in_table(worker: EngineWorker, batch: RecordBatch) -> None:
    """Add the values of each key to its row, then finish the records."""
    groups = batch.start()
    await worker.wait_while_paused(groups)
    changes = {
        part.tp.partition: _changed_rows(worker, part, recs) for part, recs in groups
    }
    worker.journal.write(TAKEN, *first_offsets(groups))
    await worker.table.write(changes)
    for part, records in groups:
        worker.log_done(part, records)
    batch.finish(groups)
    await asyncio.sleep(worker.job.pause_after_poll_s)


def _changed_rows(
    worker: EngineWorker, part: Partition, records: list[Record]
) -> dict[bytes, bytes]:
    rows: dict[bytes, bytes] = {}
    for record in records:
        stored = worker.table.get(part.tp.partition, record.key)
        rows[record.key] = add_to_row(rows.get(record.key, stored), record.value)
    return rows


STAGES: Mapping[str, Stage] = {
    "copy": copy,
    "fall_behind": fall_behind,
    "break_once": break_once,
    "finish_in_reverse": finish_in_reverse,
    "collect_in_table": collect_in_table,
}


if __name__ == "__main__":
    _job = job_from_argv()
    EngineWorker(_job).run(STAGES[_job.stage])
