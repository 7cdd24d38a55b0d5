"""Command `klaviyo-streams deadletters`: inspect, requeue or discard failed records."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from agents.admin.dead_letters import DeadLetters
from agents.cli.support import dead_letter_output as output
from agents.cli.support.dead_letter_options import (
    OffsetParam,
    filter_options,
    select_dead_letters,
)
from agents.cli.support.settings_options import open_kafka_settings, settings_option
from agents.shared.context import clock_ms, kafka_access
from agents.shared.reprocess import new_replay_id
from streams.dead_letters.requeue import plan_requeue
from streams.dead_letters.resolutions import Resolution, ResolutionAction, is_resolved
from streams.dead_letters.selection import DeadLetterFilter, group_by_fault

_TABLE_WIDTH = 200
"""Columns of the table where the output is not a terminal: no cell is cut off."""


@click.group()
def deadletters() -> None:
    """Inspect, requeue or discard dead letters: records that could not be processed.

    Fix the cause (the destination file, a list, the producer of the record), then
    requeue the dead letters.

    \b
    Examples:
      klaviyo-streams deadletters list
      klaviyo-streams deadletters show 3/17
      klaviyo-streams deadletters requeue --reason list-gone --from-source --apply
      klaviyo-streams deadletters discard --stage intake --until 2026-11-01 --apply
    """  # noqa: D301 - click reads the backspace


@deadletters.command("list")
@settings_option
@click.option(
    "--all", "include_resolved", is_flag=True, help="Include resolved dead letters."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def list_(*, settings_path: Path | None, include_resolved: bool, as_json: bool) -> None:
    """Count unresolved dead letters by stage and reason.

    \b
    Examples:
      klaviyo-streams deadletters list
      klaviyo-streams deadletters list --all --json
    """  # noqa: D301 - click reads the backspace
    dead_letters = _open_dead_letters(settings_path)
    resolutions = {} if include_resolved else dead_letters.read_resolutions()
    groups = group_by_fault(
        record
        for record in dead_letters.read_all()
        if not is_resolved(record, resolutions)
    )
    if as_json:
        for group in groups:
            click.echo(orjson.dumps(output.group_to_json(group)))
    elif groups:
        _print_table(output.group_table(groups))
    else:
        click.echo("no dead letters")


def _print_table(table: Table) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_TABLE_WIDTH)
    console.print(table)


@deadletters.command()
@settings_option
@click.argument(
    "arguments", nargs=-1, metavar="[PARTITION/OFFSET]...", type=OffsetParam()
)
@filter_options
def show(
    *, settings_path: Path | None, filters: DeadLetterFilter, include_resolved: bool
) -> None:
    """Print dead letters as JSON lines, including the values (customer data).

    \b
    Examples:
      klaviyo-streams deadletters show 3/17
      klaviyo-streams deadletters show --reason bad-email --since 2026-11-25
    """  # noqa: D301 - click reads the backspace
    dead_letters = _open_dead_letters(settings_path)
    resolutions = dead_letters.read_resolutions()
    shows_resolved = include_resolved or bool(filters.topic_offsets)
    for record in dead_letters.read_all():
        resolution = None
        if is_resolved(record, resolutions):
            resolution = resolutions.get(record.topic_offset)
        if filters.matches(record) and (resolution is None or shows_resolved):
            click.echo(output.encode_record(record, resolution))


@deadletters.command()
@settings_option
@filter_options
@click.option(
    "--from-source",
    is_flag=True,
    help="Read the source records again and apply the current mapping. List changes "
    "and attributes are sent again; consent changes and deletions only if they failed.",
)
@click.option("--apply", is_flag=True, help="Write. Without it, only report.")
@click.pass_context
def requeue(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    settings_path: Path | None,
    filters: DeadLetterFilter,
    include_resolved: bool,
    from_source: bool,
    apply: bool,
) -> None:
    """Process dead letters again.

    Dead letters of intake and activate start from intake. Those of a lane are sent
    unless a newer change has arrived in the meantime (outcome `stale`). A record that
    fails again becomes a new dead letter. A list change keeps the list ID that it was
    mapped to: after `list-gone`, use --from-source to apply the current mapping.

    Without --apply nothing is written. The exit code is 1 if a dead letter cannot be
    requeued or, with --apply, if none is selected. An interrupted run loses nothing:
    the next run requeues what was not marked as resolved.

    \b
    Examples:
      klaviyo-streams deadletters requeue --reason list-gone --from-source
      klaviyo-streams deadletters requeue --reason list-gone --from-source --apply
      klaviyo-streams deadletters requeue --stage deliver.profiles --apply
      klaviyo-streams deadletters requeue --at 3/17 --at 3/18 --apply
    """  # noqa: D301 - click reads the backspace
    dead_letters = _open_dead_letters(settings_path)
    selected, skipped = select_dead_letters(
        dead_letters, filters, include_resolved=include_resolved
    )
    replay = new_replay_id(datetime.now(UTC))
    if apply and selected:
        click.echo(f"replay {replay}")
    result = dead_letters.requeue(
        plan_requeue(selected, from_source=from_source),
        replay=replay,
        now_ms=clock_ms,
        apply=apply,
        report=partial(click.echo, err=True),
    )
    for line in output.requeue_lines(result, skipped=skipped, apply=apply):
        click.echo(line)
    ctx.exit(1 if result.not_requeueable or (apply and not selected) else 0)


@deadletters.command()
@settings_option
@filter_options
@click.option(
    "--note", default="", help="Stored with each of them; no customer data, please."
)
@click.option("--apply", is_flag=True, help="Write. Without it, only report.")
@click.pass_context
def discard(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    settings_path: Path | None,
    filters: DeadLetterFilter,
    include_resolved: bool,
    note: str,
    apply: bool,
) -> None:
    """Mark dead letters as resolved without processing the records again.

    They disappear from the list, and each gets an outcome. Without --apply nothing is
    written. With --apply, the exit code is 1 if no dead letter is selected.

    \b
    Examples:
      klaviyo-streams deadletters discard --reason not-json
      klaviyo-streams deadletters discard --at 3/17 --note "a test" --apply
    """  # noqa: D301 - click reads the backspace
    dead_letters = _open_dead_letters(settings_path)
    selected, skipped = select_dead_letters(
        dead_letters, filters, include_resolved=include_resolved
    )
    if apply:
        resolution = Resolution(
            action=ResolutionAction.DISCARDED,
            at_ms=clock_ms(),
            replay=new_replay_id(datetime.now(UTC)),
            note=note,
        )
        dead_letters.discard(selected, resolution)
    for line in output.discard_lines(selected, skipped=skipped, apply=apply):
        click.echo(line)
    ctx.exit(1 if apply and not selected else 0)


def _open_dead_letters(settings_path: Path | None) -> DeadLetters:
    settings = open_kafka_settings(settings_path)
    return DeadLetters(settings, kafka_access(settings))
