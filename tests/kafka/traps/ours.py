"""A worker on the engine of this project: `python -m tests.kafka.traps.ours <job>`."""

import asyncio
from collections.abc import Mapping

from agents.engine.kafka import Record
from agents.engine.partition import Partition
from agents.engine.poll import Poll
from tests.kafka.traps.engine import Hop, Worker, heads
from tests.kafka.traps.job import (
    DAWDLE_S,
    FATAL,
    HELD,
    HOLDING,
    TAKEN,
    gathered,
    told,
)


async def copy(worker: Worker, poll: Poll) -> None:
    """Say of each record that it is done; hold back while the gate is shut."""
    groups = poll.begin()
    await worker.gate(groups)
    for part, records in groups:
        worker.done(part, records)
    poll.end(groups)


async def dawdle(worker: Worker, poll: Poll) -> None:
    """Fall behind by several polls at each held record."""
    groups = poll.begin()
    for part, records in groups:
        for record in records:
            if record.value == HELD:
                worker.journal.write(HOLDING, (part.tp.partition, record.offset))
                await asyncio.sleep(DAWDLE_S)
        worker.done(part, records)
    poll.end(groups)


async def break_once(worker: Worker, poll: Poll) -> None:
    """Raise on the fatal record while the fuse is there; otherwise copy."""
    groups = poll.begin()
    fuse = worker.job.switch("fuse")
    for part, records in groups:
        for record in records:
            if record.value == FATAL and fuse.exists():
                fuse.unlink()
                raise RuntimeError
            worker.done(part, [record])
    poll.end(groups)


async def last_first(worker: Worker, poll: Poll) -> None:
    """Finish records in reverse, and the held one not at all while the gate is shut."""
    groups = poll.begin()
    shut = worker.job.switch("gate").exists()
    for part, records in groups:
        for record in reversed(records):
            if record.value == HELD and shut:
                worker.journal.write(HOLDING, (part.tp.partition, record.offset))
                continue
            worker.done(part, [record])
            part.done([record.offset])
    if not shut:
        poll.end(groups)


async def tabulate(worker: Worker, poll: Poll) -> None:
    """Gather the values of each key in its row, then say done."""
    groups = poll.begin()
    await worker.gate(groups)
    changes = {part.tp.partition: _changes(worker, part, recs) for part, recs in groups}
    worker.journal.write(TAKEN, *heads(groups))
    await worker.table.write(changes)
    for part, records in groups:
        worker.done(part, records)
    poll.end(groups)
    await asyncio.sleep(worker.job.pace_s)


def _changes(
    worker: Worker, part: Partition, records: list[Record]
) -> dict[bytes, bytes]:
    keys = {record.key for record in records}
    rows = worker.table.get_many(part.tp.partition, keys)
    for record in records:
        rows[record.key] = gathered(rows.get(record.key), record.value)
    return rows


HOPS: Mapping[str, Hop] = {
    "copy": copy,
    "dawdle": dawdle,
    "break_once": break_once,
    "last_first": last_first,
    "tabulate": tabulate,
}


if __name__ == "__main__":
    _job = told()
    Worker(_job).run(HOPS[_job.hop])
