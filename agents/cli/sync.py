"""Command `klaviyo-streams sync`: send the rows of a warehouse that have changed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from agents.admin.kafka_contact import contact_kafka
from agents.cli.support.settings_options import (
    read_settings_and_syncs,
    read_sources,
    settings_option,
)
from agents.cli.support.sync_output import (
    columns_lines,
    sample_lines,
    status_lines,
    sync_lines,
)
from agents.shared import logging
from agents.shared.context import kafka_access
from agents.shared.signals import interrupt_on_signals
from streams.destination.syncs.model import Sync
from streams.errors import ConfigError, StreamsError
from streams.events.sources import converted_topics
from streams.settings import Settings

if TYPE_CHECKING:
    from agents.admin.warehouse.lock import SyncStatus
    from agents.admin.warehouse.runner import SyncRunner

PAUSED = 2
"""Exit code of a run that a guard has paused."""

_names_argument = click.argument("names", nargs=-1, metavar="[NAME]...")
_name_argument = click.argument("name", metavar="NAME")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")


@click.group()
def sync() -> None:
    """Send the rows of a warehouse that are new, updated or deleted since the last run.

    The part `syncs` of the destination file names the databases and the queries. Each
    changed row becomes a row event on a source topic; workers map it like any other
    event. Needs the extra: pip install 'klaviyo-streams[warehouse]'.

    A guard pauses a run that looks wrong (an empty result, many deletions) before its
    first record, with exit code 2; `approve` releases it.

    \b
    Examples:
      klaviyo-streams sync check
      klaviyo-streams sync status
    """  # noqa: D301 - click reads the backspace


@sync.command()
@settings_option
@_names_argument
@click.option("--online", is_flag=True, help="Also ask the databases for the columns.")
def check(*, settings_path: Path | None, names: Sequence[str], online: bool) -> None:
    """Validate the syncs: print them, or all problems.

    \b
    Examples:
      klaviyo-streams sync check
      klaviyo-streams sync check customers --online
    """  # noqa: D301 - click reads the backspace
    for runner in _runners(settings_path, names):
        for line in sync_lines(runner.sync, topic=runner.topic):
            click.echo(line)
        if online:
            for line in columns_lines(runner.query.check()):
                click.echo(line)


@sync.command()
@settings_option
@_name_argument
@_json_option
@click.option(
    "--samples", default=3, show_default=True, help="Changes to show, masked."
)
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    settings_path: Path | None,
    name: str,
    as_json: bool,
    samples: int,
) -> None:
    """Read and compare the rows, print what a run would send, and send nothing.

    The exit code is 2 if a guard would pause the run.

    \b
    Examples:
      klaviyo-streams sync plan customers
      klaviyo-streams sync plan customers --json --samples 0
    """  # noqa: D301 - click reads the backspace
    (runner,) = _runners(settings_path, [name])
    status, rows = runner.plan(samples=samples)
    _print_status(status, as_json=as_json)
    if not as_json:
        for line in sample_lines(rows):
            click.echo(line)
    ctx.exit(_exit_code([status]))


@sync.command()
@settings_option
@_names_argument
@_json_option
@click.pass_context
def run(
    ctx: click.Context,
    *,
    settings_path: Path | None,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Run syncs once, one after the other; without a NAME every sync of the file.

    A run that was interrupted while it sent is sent to its end first. One that was
    interrupted before is read again. Progress goes to standard error. The exit code is
    2 if a guard has paused a run, and 1 if one failed.

    \b
    Examples:
      klaviyo-streams sync run
      klaviyo-streams sync run customers --json
    """  # noqa: D301 - click reads the backspace
    runners = _runners(settings_path, names)
    contact_kafka(kafka_access(_settings_of(settings_path)))
    statuses = [_run_once(runner, as_json=as_json) for runner in runners]
    done = [status for status in statuses if status is not None]
    ctx.exit(1 if len(done) < len(statuses) else _exit_code(done))


@sync.command()
@settings_option
@_names_argument
@_json_option
@click.option(
    "--every",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Run with so many seconds between two runs, instead of by the schedules.",
)
def serve(
    *,
    settings_path: Path | None,
    names: Sequence[str],
    as_json: bool,
    every: float | None,
) -> None:
    """Run syncs by their schedules until SIGTERM, one at a time.

    A run that fails or is paused is reported, and the others go on. A time that comes
    while another sync runs is not lost.

    \b
    Examples:
      klaviyo-streams sync serve
      klaviyo-streams sync serve customers --every 900
    """  # noqa: D301 - click reads the backspace
    runners = _runners(settings_path, names)
    contact_kafka(kafka_access(_settings_of(settings_path)))
    _serve(runners, every=every, as_json=as_json)


@sync.command()
@settings_option
@_names_argument
@_json_option
@click.pass_context
def status(
    ctx: click.Context,
    *,
    settings_path: Path | None,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Print the last step of each sync; a run under way is not disturbed.

    The exit code is 2 if a run is paused, and 1 if the last run of a sync failed.

    \b
    Examples:
      klaviyo-streams sync status
      klaviyo-streams sync status customers --json
    """  # noqa: D301 - click reads the backspace
    statuses = [runner.status() for runner in _runners(settings_path, names)]
    for one_status in statuses:
        _print_status(one_status, as_json=as_json)
    ctx.exit(_exit_code(statuses))


@sync.command()
@settings_option
@_name_argument
def approve(*, settings_path: Path | None, name: str) -> None:
    """Release a paused run: exactly the changes of its plan are sent.

    The next run sends them, or `resume` at once.

    \b
    Examples:
      klaviyo-streams sync approve customers
    """  # noqa: D301 - click reads the backspace
    (runner,) = _runners(settings_path, [name])
    _print_status(runner.approve(), as_json=False)
    click.echo(f"to send it now: klaviyo-streams sync resume {name}")


@sync.command()
@settings_option
@_name_argument
@click.option(
    "--plan-only", is_flag=True, help="Forget a paused run; the state stays as it is."
)
def reset(*, settings_path: Path | None, name: str, plan_only: bool) -> None:
    """Forget the state of a sync: the next run is its first, and sends every row.

    Rows that vanish in between become no deletions. With --plan-only only a paused run
    is forgotten; the next run reads the rows again.

    \b
    Examples:
      klaviyo-streams sync reset customers --plan-only
      klaviyo-streams sync reset customers
    """  # noqa: D301 - click reads the backspace
    (runner,) = _runners(settings_path, [name])
    _print_status(runner.reset(plan_only=plan_only), as_json=False)


@sync.command()
@settings_option
@_name_argument
@click.pass_context
def resume(ctx: click.Context, *, settings_path: Path | None, name: str) -> None:
    """Send what an approved or an interrupted run has left; read nothing.

    \b
    Examples:
      klaviyo-streams sync resume customers
    """  # noqa: D301 - click reads the backspace
    (runner,) = _runners(settings_path, [name])
    contact_kafka(kafka_access(_settings_of(settings_path)))
    result = runner.resume()
    _print_status(result, as_json=False)
    ctx.exit(_exit_code([result]))


def _runners(settings_path: Path | None, names: Sequence[str]) -> list["SyncRunner"]:
    """Return the runners of syncs; without names of all.

    Raises:
        ConfigError: All problems found, each with its path.
    """
    logging.configure_logging("error")
    settings, syncs = read_settings_and_syncs(settings_path)
    problems = [
        f"sync: the destination file has no sync {name}; it has {', '.join(syncs)}"
        for name in names
        if name not in syncs
    ]
    if not syncs:
        problems = ["sync: the destination file has no part syncs"]
    converted = converted_topics(read_sources(settings_path))
    topics = [topic for topic in settings.source_topics if topic not in converted]
    chosen = [
        replace(syncs[name], topic=syncs[name].topic or next(iter(topics), ""))
        for name in names or syncs
        if name in syncs
    ]
    problems += [line for one in chosen for line in _topic_problems(one, topics)]
    if problems:
        raise ConfigError(problems)
    runner_type = _import_runner()
    return [runner_type(settings, one, report=_echo_error) for one in chosen]


def _settings_of(settings_path: Path | None) -> Settings:
    return read_settings_and_syncs(settings_path)[0]


def _topic_problems(one: Sync, topics: Sequence[str]) -> Iterator[str]:
    """Yield a problem if no worker reads row events from the topic of a sync."""
    if one.topic not in topics:
        names = ", ".join(topics) or "none"
        yield (
            f"syncs.{one.name}.topic: no worker reads events of Segment's format from "
            f"{one.topic or 'any topic'}; add a topic to source_topics (now: {names})"
        )


def _import_runner() -> type["SyncRunner"]:
    """Import the runner, whose packages are an extra.

    Raises:
        ConfigError: They are not installed.
    """
    try:
        from agents.admin.warehouse.runner import (  # noqa: PLC0415 - an extra that few need
            SyncRunner,
        )
    except ImportError as error:
        problem = f"sync needs {error.name}: pip install 'klaviyo-streams[warehouse]'"
        raise ConfigError([problem]) from None
    return SyncRunner


def _run_once(runner: "SyncRunner", *, as_json: bool) -> "SyncStatus | None":
    """Run a sync; an error is printed, and does not stop the others."""
    try:
        result = runner.run()
    except StreamsError as error:
        _echo_error(f"Error: {error}")
        return None
    _print_status(result, as_json=as_json)
    return result


def _serve(
    runners: Sequence["SyncRunner"], *, every: float | None, as_json: bool
) -> None:
    """Run syncs at their times until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: A sync has no schedule, or a wrong one.
    """
    from agents.admin.warehouse.service import (  # noqa: PLC0415 - an extra that few need
        run_at_times,
        schedule_of,
    )

    if every is not None:
        gap = timedelta(seconds=every)
        scheduled = list(runners)
        times = [lambda now: now + gap for _ in scheduled]
        for runner in scheduled:
            _run_once(runner, as_json=as_json)
    else:
        scheduled = [runner for runner in runners if runner.sync.schedule]
        times = [
            schedule_of(runner.sync.schedule, at=f"syncs.{runner.sync.name}.schedule")
            for runner in scheduled
            if runner.sync.schedule
        ]
    if not scheduled:
        raise ConfigError(["sync: no sync has a schedule; give one its schedule.cron"])
    interrupt_on_signals()
    click.echo(f"service of {len(scheduled)} syncs", err=True)
    try:
        run_at_times(
            scheduled,
            times,
            run=lambda runner: _run_once(runner, as_json=as_json),
            now=lambda: datetime.now(UTC),
        )
    except KeyboardInterrupt:
        click.echo("stopped", err=True)


def _print_status(one_status: "SyncStatus", *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(one_status))
        return
    for line in status_lines(one_status):
        click.echo(line)


def _exit_code(statuses: Sequence["SyncStatus"]) -> int:
    if any(one_status.error for one_status in statuses):
        return 1
    is_paused = any(one_status.phase == "paused" for one_status in statuses)
    return PAUSED if is_paused else 0


def _echo_error(line: str) -> None:
    click.echo(line, err=True)
