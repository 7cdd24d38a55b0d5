"""`python -m tests.kafka.traps l6 --engine stock|ours --runs N`: what was lost."""

import argparse
import tempfile
import time
from pathlib import Path

from tests.brokers import choice
from tests.brokers.face import Broker
from tests.kafka.traps.churn import churn
from tests.kafka.traps.job import Store
from tests.kafka.traps.lab import Lab


def main() -> None:
    """Run the scenario so many times, and print how each run ended."""
    asked = _arguments()
    chosen = choice.shared()
    print(f"kafka: {chosen}")  # noqa: T201 - a command line
    if chosen.broker is None:
        return
    try:
        for run in range(asked.runs):
            print(f"run {run + 1}: {_one(chosen.broker, asked)}", flush=True)  # noqa: T201 - a command line
    finally:
        chosen.broker.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kafka.traps")
    parser.add_argument("trap", choices=["l6"])
    parser.add_argument("--engine", choices=["stock", "ours"], default="stock")
    parser.add_argument("--store", choices=["memory", "rocksdb"], default="memory")
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--runs", type=int, default=1)
    return parser.parse_args()


def _one(broker: Broker, asked: argparse.Namespace) -> str:
    began_s = time.monotonic()
    prefix = f"l6-{time.time_ns()}."
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(broker, prefix=prefix, home=Path(home))
        try:
            store, cycles = Store(asked.store), asked.cycles
            ended = churn(lab, asked.engine, store=store, cycles=cycles)
        finally:
            lab.close()
    verdict = "whole" if ended.whole else "NOT WHOLE"
    return f"{verdict} after {time.monotonic() - began_s:.0f} s: {ended}"


if __name__ == "__main__":
    main()
