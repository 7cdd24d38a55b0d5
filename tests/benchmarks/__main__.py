"""`python -m tests.benchmarks`: CPU time an event, events a second."""

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
from tests.benchmarks.explain_rate import explained
from tests.benchmarks.workload import WORKLOADS, Published, Workload, track_events
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
_NAME_CHARS = 20
TEAMS = (1, 2)
"""Workers of one application."""

_MAPPED_AIM_PER_S = 30_000
"""Issue 3: mapping is never the bottleneck."""


@click.command()
@click.option(
    "--events",
    default=20_000,
    show_default=True,
    type=click.IntRange(min=0),
    help="Records of each backlog; 0 leaves the worker out.",
)
@click.option(
    "--lines",
    default=100_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Track events that are explained.",
)
def main(*, events: int, lines: int) -> None:
    """Print what explain and a worker cost; nothing is asserted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    click.echo(
        f"command   python -m tests.benchmarks --events {events} --lines {lines}"
    )
    click.echo(f"machine   {_processor()}, {os.cpu_count()} cores, {platform.system()}")
    click.echo(f"python    {platform.python_version()}")
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    click.echo(f"packages  {packages}")
    _explain(lines)
    if events:
        _work(events)


def _explain(count: int) -> None:
    lines = track_events(count)
    size_bytes = sum(map(len, lines)) // count
    click.echo(
        f"\nexplain on {count:,} track events of {size_bytes} bytes with the default"
        f" mapping: at least {_MAPPED_AIM_PER_S:,} events/s of CPU time in the compiled"
        " trigger and mapping"
    )
    spent = explained(lines)
    _say_rate("trigger to action", spent.mapped_s, count)
    _say_rate("line to line", spent.answered_s, count)


def _say_rate(name: str, cpu_s: float, count: int) -> None:
    each_us = cpu_s / count * 1e6
    _say(name, f"{each_us:6.1f} µs CPU an event: {count / cpu_s:,.0f} events/s")


def _work(events: int) -> None:
    chosen = choice.choose_shared()
    if chosen.broker is None:
        raise click.ClickException(f"no broker: {chosen}")
    try:
        name = chosen.broker.name
        click.echo(f"\nbroker    {name}, on the same machine, as the sandbox is")
        with tempfile.TemporaryDirectory(prefix="klaviyo-streams-bench-") as home:
            for workload in WORKLOADS:
                _measure(workload, chosen.broker.bootstrap, Path(home), events=events)
    finally:
        chosen.broker.close()


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
    _measure_stages(records, bootstrap, home)
    for workers in TEAMS:
        with runs.start_environment(bootstrap, home) as environment:
            spent = runs.all_stages(environment, records, workers=workers)
        each_us = spent.cpu_s / events * 1e6
        rate = f"{1e6 / each_us:.0f} a second and core"
        wall = f"{events / spent.wall_s:.0f} a second by the wall"
        _say(
            f"all stages, {workers} of them",
            f"{each_us:6.0f} µs CPU an event: {rate}, {wall}",
        )
    counts = (f"{spent.sandbox[name]} {name}" for name in _COUNTS)
    _say("the sandbox holds", ", ".join(counts))


def _measure_stages(records: Sequence[Published], bootstrap: str, home: Path) -> None:
    """Each stage alone, on topics of its own, over what the stage before it wrote."""
    inputs = {"intake": records}
    for stage in runs.STAGES:
        if not inputs.get(stage.name):
            continue
        with runs.start_environment(bootstrap, home) as environment:
            spent, written = runs.one_stage(environment, stage, inputs[stage.name])
        inputs |= written
        each_us = spent.cpu_s / len(records) * 1e6
        _say(stage.name, f"{each_us:6.0f} µs CPU an event")


def _say(name: str, text: str) -> None:
    click.echo(f"  {name:<{_NAME_CHARS}}{text}")


if __name__ == "__main__":
    sys.exit(main())
