"""`python -m tests.benchmarks.compare`: a commit beside this tree, A B A B."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import click

ROOT = Path(__file__).parents[2]
_SCRIPT = Path(__file__).with_name("stage_times.py")

Times: TypeAlias = dict[tuple[str, str], float]
"""Load and stage -> microseconds of the worker's CPU an event."""


@click.command()
@click.option("--base", required=True, help="Commit to compare this tree with.")
@click.option("--events", default=4_000, show_default=True, type=click.IntRange(min=1))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(min=1))
def main(*, base: str, events: int, rounds: int) -> None:
    """Print medians of both trees and the ratio of each load and stage."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _worktree(base) as base_tree:
        measured: dict[Path, list[Times]] = defaultdict(list)
        for _ in range(rounds):
            for tree in (base_tree, ROOT):
                times = _measure(tree, events)
                measured[tree].append(times)
                click.echo(" ".join(f"{time:.0f}" for time in times.values()))
    before, now = map(_medians, (measured[base_tree], measured[ROOT]))
    click.echo(f"{'µs CPU an event':<32}{base[:8]:>10}{'now':>10}{'ratio':>8}")
    for name in before:
        ratio = now[name] / before[name]
        label = ", ".join(name)
        click.echo(f"{label:<32}{before[name]:>10.0f}{now[name]:>10.0f}{ratio:>8.2f}")


@contextmanager
def _worktree(commit: str) -> Iterator[Path]:
    """Check a commit out beside this tree, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="klaviyo-streams-base-") as home:
        tree = Path(home) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(("git", "-C", str(ROOT), *arguments), check=True)  # noqa: S603, S607 - the developer's own git


def _measure(tree: Path, events: int) -> Times:
    """Run the measurement with a tree's own code: its workers and its loads."""
    result = subprocess.run(  # noqa: S603 - this interpreter
        (sys.executable, str(_SCRIPT), str(events)),
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = map(json.loads, result.stdout.splitlines())
    return {(load, stage): t for load, stages in lines for stage, t in stages.items()}


def _medians(rounds: list[Times]) -> Times:
    return {
        name: statistics.median(times[name] for times in rounds) for name in rounds[0]
    }


if __name__ == "__main__":
    main()
