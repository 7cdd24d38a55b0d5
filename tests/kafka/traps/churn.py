"""Scenario: members join and leave repeatedly, with a table and a backlog."""

import itertools
import time
from dataclasses import dataclass

from tests.kafka.traps.job import DONE, WAIT_TIMEOUT_S, TableStore
from tests.kafka.traps.process import WorkerProcess
from tests.kafka.traps.worker_harness import WorkerHarness

PARTITIONS, USERS = 4, 200
BACKLOG = 3_000
"""Records produced before each new member, more than it reads while it joins."""

STALL_TIMEOUT_S = 15.0
"""Time without a commit after which a run of stock Faust counts as stalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChurnResult:
    """Result of one run of the scenario.

    Attributes:
        records: Number of records produced.
        unprocessed: Records that no worker processed.
        missing_in_table: Values that were processed and are in no row of the table.
        uncommitted: Records past the commit of each partition.
        exit_codes: Exit codes of the workers that got SIGTERM.
    """

    records: int
    unprocessed: int
    missing_in_table: int
    uncommitted: list[int]
    exit_codes: set[int]

    @property
    def is_complete(self) -> bool:
        """Report whether no record was lost and no partition is stuck."""
        return not (self.unprocessed or self.missing_in_table or any(self.uncommitted))

    def __str__(self) -> str:
        return (
            f"{self.unprocessed} of {self.records} records never processed, "
            f"{self.missing_in_table} missing in the table, "
            f"records past the commit by partition {self.uncommitted}, "
            f"exit codes {sorted(self.exit_codes)}"
        )


def run_churn(
    harness: WorkerHarness,
    program: str,
    *,
    store: TableStore,
    cycles: int = 10,
    stall_timeout_s: float = WAIT_TIMEOUT_S,
) -> ChurnResult:
    """Replace one of two members per cycle; wait until the backlog is done.

    Args:
        harness: Topics and workers of the run.
        program: Engine of the workers.
        store: Storage for their tables.
        cycles: How often a member is replaced.
        stall_timeout_s: Longest wait for a new member's first record, which may never
            come on stock Faust, and longest time without a commit.
    """
    harness.create_topics(partitions=PARTITIONS)
    names = itertools.cycle("ab")
    exit_codes = set()
    previous: WorkerProcess | None = None
    for cycle in range(cycles + 1):
        harness.produce(_backlog(cycle), users=USERS)
        newcomer = _join(
            harness, program, name=next(names), store=store, timeout_s=stall_timeout_s
        )
        if previous is not None:
            exit_codes.add(previous.terminate())
        previous = newcomer
    _await_settled(harness, timeout_s=stall_timeout_s)
    return _build_result(harness, exit_codes, records=BACKLOG * (cycles + 1))


def _backlog(cycle: int) -> list[bytes]:
    first = cycle * BACKLOG
    return [b"%d" % number for number in range(first, first + BACKLOG)]


def _join(
    harness: WorkerHarness,
    program: str,
    *,
    name: str,
    store: TableStore,
    timeout_s: float,
) -> WorkerProcess:
    options = {"max_records": 40, "pause_after_poll_s": 0.02}
    before, began_s = _processed_by(harness, name), time.monotonic()
    worker = harness.start(
        program, "collect_in_table", name=name, store=store, **options
    )
    harness.wait_until(
        lambda: (
            _processed_by(harness, name) > before
            or _is_settled(harness)
            or time.monotonic() - began_s > timeout_s
        ),
        within_s=2 * timeout_s,
    )
    return worker


def _processed_by(harness: WorkerHarness, name: str) -> int:
    return sum(entry.worker == name for entry in harness.entries(DONE))


def _is_settled(harness: WorkerHarness) -> bool:
    return harness.committed_offsets() == harness.end_offsets()


def _await_settled(harness: WorkerHarness, *, timeout_s: float) -> None:
    """Wait until all commits are at their ends, or have stood still for long."""
    moved_s, last = time.monotonic(), harness.committed_offsets()

    def is_stalled() -> bool:
        return time.monotonic() - moved_s > timeout_s

    while not (_is_settled(harness) or is_stalled()):
        time.sleep(0.2)
        if (now := harness.committed_offsets()) != last:
            moved_s, last = time.monotonic(), now


def _build_result(
    harness: WorkerHarness, exit_codes: set[int], *, records: int
) -> ChurnResult:
    rows = harness.changelog_rows()
    table_values = {value for row in rows.values() for value in row.split(b",")}
    commits = zip(harness.end_offsets(), harness.committed_offsets(), strict=True)
    return ChurnResult(
        records=records,
        unprocessed=records - len(harness.locations()),
        missing_in_table=records - len(table_values),
        uncommitted=[end - committed for end, committed in commits],
        exit_codes=exit_codes,
    )
