"""`klaviyo-streams deadletters`: look at what failed, send it again, put it away."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import orjson

from agents.admin.dead_letters import DeadLetters
from agents.cli import letter_lines as lines
from agents.cli.letter_options import PlaceType, filter_options, meant
from agents.cli.options import read_settings, settings_option
from agents.shared.context import clock_ms, kafka_access
from agents.shared.reprocess import new_replay_id
from streams.dead_letters.requeue import plan_requeue
from streams.dead_letters.resolutions import Resolution, ResolutionAction, is_resolved
from streams.dead_letters.selection import DeadLetterFilter, group_by_fault


@click.group()
def deadletters() -> None:
    """Look at dead letters, send them again, or put them away.

    A dead letter is a record nobody could use as it was. Mend what it names (the
    destination file, a list, the record's producer), then requeue it.

    \b
    Examples:
      klaviyo-streams deadletters list
      klaviyo-streams deadletters show 3/17
      klaviyo-streams deadletters requeue --reason list-gone --from-source --apply
      klaviyo-streams deadletters discard --stage intake --until 2026-11-01 --apply
    """  # noqa: D301 - click reads the backspace


@deadletters.command("list")
@settings_option
@click.option("--all", "everything", is_flag=True, help="Also those handled.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines.")
def list_(*, file: Path | None, everything: bool, as_json: bool) -> None:
    """Count the dead letters not handled yet, by stage and reason.

    \b
    Examples:
      klaviyo-streams deadletters list
      klaviyo-streams deadletters list --all --json
    """  # noqa: D301 - click reads the backspace
    letters = _letters(file)
    rows = {} if everything else letters.read_resolutions()
    groups = group_by_fault(
        one for one in letters.read_all() if not is_resolved(one, rows)
    )
    if as_json:
        for group in groups:
            click.echo(orjson.dumps(lines.group_of(group)))
        return
    for line in lines.table(groups):
        click.echo(line)


@deadletters.command()
@settings_option
@click.argument("more", nargs=-1, metavar="[PARTITION/OFFSET]...", type=PlaceType())
@filter_options
def show(*, file: Path | None, filters: DeadLetterFilter, again: bool) -> None:
    """Print dead letters as JSON lines, with their values: customers' data.

    \b
    Examples:
      klaviyo-streams deadletters show 3/17
      klaviyo-streams deadletters show --reason bad-email --since 2026-11-25
    """  # noqa: D301 - click reads the backspace
    letters = _letters(file)
    rows = letters.read_resolutions()
    for one in letters.read_all():
        row = rows.get(one.topic_offset) if is_resolved(one, rows) else None
        if filters.matches(one) and (row is None or again or filters.topic_offsets):
            click.echo(lines.shown(one, row))


@deadletters.command()
@settings_option
@filter_options
@click.option(
    "--from-source",
    is_flag=True,
    help="Make them anew from their source records, by the present mapping: list "
    "changes and attributes are told again, consent and deletion where they failed.",
)
@click.option("--apply", "is_real", is_flag=True, help="Do it; else only say what.")
@click.pass_context
def requeue(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    file: Path | None,
    filters: DeadLetterFilter,
    again: bool,
    from_source: bool,
    is_real: bool,
) -> None:
    """Send dead letters into the journey again.

    Those of intake and activate start over; those of a lane are sent unless something
    newer was said meanwhile (outcome `stale`). One that fails again is a new dead
    letter. A mapping's list change names its list as it was: after `list-gone` say
    --from-source, and the present mapping names it.

    Without --apply nothing is written. It exits with 1 where some cannot be requeued,
    and with --apply also where none is meant. Interrupted, it loses nothing: what is
    not noted yet goes again with the next one.

    \b
    Examples:
      klaviyo-streams deadletters requeue --reason list-gone --from-source
      klaviyo-streams deadletters requeue --reason list-gone --from-source --apply
      klaviyo-streams deadletters requeue --stage deliver.profiles --apply
      klaviyo-streams deadletters requeue --place 3/17 --place 3/18 --apply
    """  # noqa: D301 - click reads the backspace
    letters = _letters(file)
    found, before = meant(letters, filters, again=again)
    replay = new_replay_id(datetime.now(UTC))
    if is_real and found:
        click.echo(f"replay {replay}")
    done = letters.requeue(
        plan_requeue(found, from_source=from_source),
        replay=replay,
        now_ms=clock_ms,
        apply=is_real,
        report=partial(click.echo, err=True),
    )
    for line in lines.requeued(done, before=before, is_real=is_real):
        click.echo(line)
    ctx.exit(1 if done.not_requeueable or (is_real and not found) else 0)


@deadletters.command()
@settings_option
@filter_options
@click.option("--why", default="", help="Kept beside each; no customer's data.")
@click.option("--apply", "is_real", is_flag=True, help="Do it; else only say what.")
@click.pass_context
def discard(  # noqa: PLR0913 - one argument an option
    ctx: click.Context,
    *,
    file: Path | None,
    filters: DeadLetterFilter,
    again: bool,
    why: str,
    is_real: bool,
) -> None:
    """Put dead letters away for good: they are listed no more, and have an outcome.

    Without --apply nothing is written; with it, it exits with 1 where none is meant.

    \b
    Examples:
      klaviyo-streams deadletters discard --reason not-json
      klaviyo-streams deadletters discard --place 3/17 --why "a test" --apply
    """  # noqa: D301 - click reads the backspace
    letters = _letters(file)
    found, before = meant(letters, filters, again=again)
    if is_real:
        noted = Resolution(
            action=ResolutionAction.DISCARDED,
            at_ms=clock_ms(),
            replay=new_replay_id(datetime.now(UTC)),
            note=why,
        )
        letters.discard(found, noted)
    for line in lines.discarded(found, before=before, is_real=is_real):
        click.echo(line)
    ctx.exit(1 if is_real and not found else 0)


def _letters(file: Path | None) -> DeadLetters:
    settings = read_settings(file)
    return DeadLetters(settings, kafka_access(settings))
