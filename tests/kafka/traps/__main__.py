"""Repeated runs by hand: `python -m tests.kafka.traps churn --engine stock|ours`."""

import argparse
import tempfile
import time
from pathlib import Path

from tests.brokers import choice
from tests.brokers.interface import Broker
from tests.kafka.traps.churn import STALL_TIMEOUT_S, run_churn
from tests.kafka.traps.job import TableStore
from tests.kafka.traps.worker_harness import WorkerHarness


def main() -> None:
    """Run the scenario repeatedly, and print the result of each run."""
    arguments = _arguments()
    chosen = choice.choose_shared()
    print(f"kafka: {chosen}")  # noqa: T201 - a command line
    if chosen.broker is None:
        return
    try:
        for run in range(arguments.runs):
            print(f"run {run + 1}: {_run_once(chosen.broker, arguments)}", flush=True)  # noqa: T201 - a command line
    finally:
        chosen.broker.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kafka.traps")
    parser.add_argument("scenario", choices=["churn"])
    parser.add_argument("--engine", choices=["stock", "ours"], default="stock")
    parser.add_argument("--store", choices=["memory", "rocksdb"], default="memory")
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


def _run_once(broker: Broker, arguments: argparse.Namespace) -> str:
    began_s = time.monotonic()
    prefix = f"churn-{time.time_ns()}."
    with tempfile.TemporaryDirectory() as home:
        harness = WorkerHarness(broker, prefix=prefix, home=Path(home))
        try:
            store, cycles = TableStore(arguments.store), arguments.cycles
            result = run_churn(
                harness,
                arguments.engine,
                store=store,
                cycles=cycles,
                stall_timeout_s=STALL_TIMEOUT_S,
            )
        finally:
            harness.close()
    verdict = "complete" if result.is_complete else "NOT COMPLETE"
    return f"{verdict} after {time.monotonic() - began_s:.0f} s: {result}"


if __name__ == "__main__":
    main()
