"""`python -m tests.benchmarks [--events N]`: CPU time an event, events a second."""

import os
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click

from tests.benchmarks import runs
from tests.benchmarks.workload import WORKLOADS, Published, Workload
from tests.brokers import choice

_PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "faust-streaming",
    "msgspec",
    "orjson",
    "rocksdict",
    "uvloop",
)
_COUNTS = ("profiles", "members", "requests")
_NAME_CHARS = 18


@click.command()
@click.option(
    "--events",
    default=20_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Records of each backlog.",
)
def main(*, events: int) -> None:
    """Print what a worker costs; nothing is asserted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = choice.shared()
    if chosen.broker is None:
        raise click.ClickException(f"no broker: {chosen}")
    try:
        _say_where(chosen.broker.name, events)
        with tempfile.TemporaryDirectory(prefix="klaviyo-streams-bench-") as home:
            for workload in WORKLOADS:
                _measure(workload, chosen.broker.bootstrap, Path(home), events=events)
    finally:
        chosen.broker.close()


def _say_where(broker: str, events: int) -> None:
    click.echo(f"command   python -m tests.benchmarks --events {events}")
    click.echo(f"machine   {_processor()}, {os.cpu_count()} cores, {platform.system()}")
    click.echo(f"python    {platform.python_version()}")
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    click.echo(f"packages  {packages}")
    click.echo(f"broker    {broker}, on the same machine, as the sandbox is")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _measure(workload: Workload, bootstrap: str, home: Path, *, events: int) -> None:
    records = workload.make(events)
    size_bytes = sum(len(record.value) for record in records) // len(records)
    click.echo(f"\n{workload.name}: {events} events of {size_bytes} bytes")
    _measure_hops(records, bootstrap, home)
    with runs.staged(bootstrap, home) as stage:
        spent = runs.all_hops(stage, records)
    each_us = spent.cpu_s / events * 1e6
    _say("all hops", f"{each_us:6.0f} µs CPU an event: {1e6 / each_us:.0f} a second")
    _say("one worker", f"{events / spent.wall_s:6.0f} events a second")
    counts = (f"{spent.sandbox[name]} {name}" for name in _COUNTS)
    _say("the sandbox holds", ", ".join(counts))


def _measure_hops(records: Sequence[Published], bootstrap: str, home: Path) -> None:
    """Each hop alone, on topics of its own, over what the hop before it wrote."""
    inputs = {"intake": records}
    for hop in runs.HOPS:
        if not inputs.get(hop.name):
            continue
        with runs.staged(bootstrap, home) as stage:
            spent, written = runs.one_hop(stage, hop, inputs[hop.name])
        inputs |= written
        each_us = spent.cpu_s / len(records) * 1e6
        _say(hop.name, f"{each_us:6.0f} µs CPU an event")


def _say(name: str, text: str) -> None:
    click.echo(f"  {name:<{_NAME_CHARS}}{text}")


if __name__ == "__main__":
    sys.exit(main())
