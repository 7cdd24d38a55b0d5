"""CPU of intake and activate alone, of the tree on the import path, as JSON lines."""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import runs
from tests.benchmarks.workload import WORKLOADS, Workload
from tests.brokers import choice


def main(events: int) -> None:
    """Print a line for each load: its name, and stage -> microseconds an event."""
    chosen = choice.choose_shared()
    if chosen.broker is None:
        sys.exit(f"no broker: {chosen}")
    try:
        with tempfile.TemporaryDirectory(prefix="klaviyo-streams-bench-") as home:
            for workload in WORKLOADS:
                times = _stage_times(
                    workload, events, chosen.broker.bootstrap, Path(home)
                )
                sys.stdout.write(json.dumps([workload.name, dict(times)]) + "\n")
    finally:
        chosen.broker.close()


def _stage_times(
    workload: Workload, events: int, bootstrap: str, home: Path
) -> Iterator[tuple[str, float]]:
    """Yield each stage's name and time, over what the stage before it wrote."""
    inputs = {"intake": workload.make(events)}
    for stage in runs.STAGES[:2]:
        with runs.start_environment(bootstrap, home) as environment:
            spent, written = runs.one_stage(environment, stage, inputs[stage.name])
        inputs |= written
        yield stage.name, spent.cpu_s / events * 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]))
