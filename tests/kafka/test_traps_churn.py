"""Members that come and go on our engine, with a table and a backlog.

Stock Faust loses records or stands still only in some runs, so no test can assert the
loss: `python -m tests.kafka.traps churn --engine stock --runs 5` shows it.
"""

import pytest

from tests.kafka.traps.churn import run_churn
from tests.kafka.traps.job import TableStore
from tests.kafka.traps.worker_harness import WorkerHarness

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("store", [TableStore.MEMORY, TableStore.ROCKSDB])
def test_two_members_joining_and_leaving_ten_times_lose_nothing(
    harness: WorkerHarness, store: TableStore
) -> None:
    """Every record is processed and in the table, and every commit is at its end."""
    ended = run_churn(harness, "ours", store=store, cycles=10)

    assert ended.is_complete, str(ended)
    assert ended.exit_codes == {0}
