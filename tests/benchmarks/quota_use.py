"""`python -m tests.benchmarks.quota_use`: how much of each quota a worker uses."""

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click

from agents.shared.context import clock_ms
from tests.benchmarks import quota_report, staging
from tests.benchmarks.backlog import Backlog, publish
from tests.benchmarks.lane_work import WORKS, Lists, Work, backlog_of, member
from tests.benchmarks.processes import Worker
from tests.benchmarks.quota_report import Measured
from tests.benchmarks.request_counts import WINDOW_S, Stretch, steady_per_min
from tests.benchmarks.runs import Environment
from tests.benchmarks.staging import LANES, TunedSandbox

SPARE_MIN = 2.0
"""Backlog beyond warm-up and stretch: until a window begins, and what is in hand."""

CHUNK_RECORDS = 50_000
WATCH_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Options from the command line."""

    seconds: int
    warm_up_seconds: int
    scale: float
    batch_items: int
    works: tuple[Work, ...]

    @property
    def windows(self) -> int:
        """Whole steady windows that are measured."""
        return math.ceil(self.seconds / WINDOW_S)

    @property
    def lanes(self) -> list[str]:
        """Kinds of work with a backlog."""
        return sorted({work.lane for work in self.works})

    @property
    def counts(self) -> dict[str, int]:
        """Label of a work → as many as its limit lets through before the end."""
        minutes = self.windows + self.warm_up_seconds / WINDOW_S + SPARE_MIN
        return {work.label: self._count(work, minutes) for work in self.works}

    @property
    def env(self) -> dict[str, str]:
        """Settings of one worker."""
        return {
            "KLAVIYO_STREAMS_KLAVIYO_QUOTA_SCALE": str(self.scale),
            "KLAVIYO_STREAMS_BATCH_MAX_ITEMS": str(self.batch_items),
        }

    def _count(self, work: Work, minutes: float) -> int:
        quota = steady_per_min(work.limit, scale=self.scale)
        each = work.items_each(self.batch_items)
        return math.ceil(quota * each * minutes / work.shared)


@click.command()
@click.option(
    "--seconds",
    default=120,
    show_default=True,
    type=click.IntRange(min=1, max=3_600),
    help="Length of the stretch; whole steady windows of 60 s are taken.",
)
@click.option(
    "--warm-up-seconds",
    default=180,
    show_default=True,
    type=click.IntRange(min=0, max=3_600),
    help="Before it, at least: the pace is learned then.",
)
@click.option(
    "--scale",
    default=0.1,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True, max=1.0),
    help="Share of Klaviyo's published quotas.",
)
@click.option(
    "--batch-items",
    default=1_000,
    show_default=True,
    type=click.IntRange(min=500, max=10_000),
    help="The worker's batch_max_items; below 500 look-ups would not limit removals.",
)
@click.option(
    "--job-seconds",
    default=0.25,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long an import job of the sandbox takes.",
)
@click.option(
    "--lanes",
    default=",".join(LANES),
    show_default=True,
    help="Which lanes have a backlog, comma-separated.",
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the sandbox's requests there, as JSON.",
)
def main(  # noqa: PLR0913  # one argument an option
    *,
    seconds: int,
    warm_up_seconds: int,
    scale: float,
    batch_items: int,
    job_seconds: float,
    lanes: str,
    log: Path | None,
) -> None:
    """Print the share of its quota that each lane uses; nothing is asserted.

    One worker with the last stage alone has a backlog of minutes in every lane, and the
    sandbox holds it to Klaviyo's quotas, scaled down.
    """
    plan = Plan(
        seconds=seconds,
        warm_up_seconds=warm_up_seconds,
        scale=scale,
        batch_items=batch_items,
        works=_works(lanes),
    )
    with staging.start_environment(quota_scale=scale, job_s=job_seconds) as (
        environment,
        sandbox,
    ):
        _fill(environment, sandbox, plan)
        run = _measured(environment, sandbox, plan)
    if log:
        log.write_text(json.dumps(run.entries))
    for line in quota_report.lines(run):
        click.echo(line)


def _works(lanes: str) -> tuple[Work, ...]:
    named = set(lanes.split(","))
    if not named <= {*LANES}:
        raise click.BadParameter(f"of {', '.join(LANES)}", param_hint="--lanes")
    return tuple(work for work in WORKS if work.lane in named)


def _fill(environment: Environment, sandbox: TunedSandbox, plan: Plan) -> None:
    """Put members on the list of removals, and a backlog in every lane."""
    counts = plan.counts
    leaving = [member(number) for number in range(counts.get("lists: removals", 0))]
    adds, removals = sandbox.seed(
        "lists", [{"name": "adds"}, {"name": "removals", "members": leaving}]
    )
    lists = Lists(adds=adds, removals=removals)
    for lane in plan.lanes:
        topic, count = environment.settings.topics.activations[lane], 0
        records = backlog_of(lane, counts, lists)
        while chunk := list(islice(records, CHUNK_RECORDS)):
            publish(environment.bootstrap, topic, chunk)
            count += len(chunk)
        click.echo(f"backlog   {lane}: {count:,} records")
    click.echo("")


def _measured(environment: Environment, sandbox: TunedSandbox, plan: Plan) -> Measured:
    """Start a worker, let it warm up, and watch it for whole windows.

    Raises:
        ClickException: The sandbox's log does not reach back to the beginning.
    """
    stage = staging.lane_stage(*plan.lanes, stages="deliver")
    with (
        environment.worker(stage, env=plan.env) as worker,
        _backlogs(environment, plan.lanes) as backlogs,
    ):
        stretch = _next_stretch(plan)
        _wait_until(worker, stretch.begins_s)
        before, cpu_s = _lefts(backlogs), worker.cpu_s
        _wait_until(worker, stretch.ends_s)
        after, cpu_s = _lefts(backlogs), worker.cpu_s - cpu_s
        entries = sandbox.requests()
    if entries and entries[0]["time_s"] > stretch.begins_s:
        raise click.ClickException("more requests than the sandbox's log holds")
    return Measured(
        works=plan.works,
        scale=plan.scale,
        stretch=stretch,
        entries=entries,
        before=before,
        after=after,
        cpu_s=cpu_s,
    )


@contextmanager
def _backlogs(
    environment: Environment, lanes: Sequence[str]
) -> Iterator[dict[str, Backlog]]:
    with ExitStack() as held:
        stages = map(staging.one_lane, lanes)
        found = [held.enter_context(environment.backlogs(stage))[0] for stage in stages]
        yield dict(zip(lanes, found, strict=True))


def _lefts(backlogs: Mapping[str, Backlog]) -> dict[str, int]:
    return {lane: backlog.left() for lane, backlog in backlogs.items()}


def _next_stretch(plan: Plan) -> Stretch:
    """Whole windows of the sandbox's clock, after the warm-up."""
    warm_s = clock_ms() / 1000 + plan.warm_up_seconds
    begins_s = math.ceil(warm_s / WINDOW_S) * WINDOW_S
    return Stretch(begins_s=begins_s, ends_s=begins_s + plan.windows * WINDOW_S)


def _wait_until(worker: Worker, at_s: float) -> None:
    while (wait_s := at_s - clock_ms() / 1000) > 0:
        worker.check()
        time.sleep(min(wait_s, WATCH_S))


if __name__ == "__main__":
    sys.exit(main())
