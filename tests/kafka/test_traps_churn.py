"""Trap L6 on our engine: members come and go, with a table and a backlog.

Stock Faust loses records or stands still only in some runs, so there is no test that
says so: `python -m tests.kafka.traps l6 --engine stock --runs 5` shows it.
"""

import pytest

from tests.kafka.traps.churn import run_churn
from tests.kafka.traps.job import TableStore
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("store", [TableStore.MEMORY, TableStore.ROCKSDB])
def test_l6_two_members_joining_and_leaving_ten_times_lose_nothing(
    harness: WorkerHarness, store: TableStore
) -> None:
    """Every record processed and in the table, every commit at its partition's end."""
    ended = run_churn(harness, "ours", store=store, cycles=10)

    assert ended.is_complete, str(ended)
    assert ended.exit_codes == {0}
