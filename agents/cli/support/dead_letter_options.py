"""Options that select dead letters, shared by several commands."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from agents.admin.dead_letters import DeadLetters
from agents.cli.support.settings_options import CommandT
from streams.dead_letters.record import DeadLetterRecord, TopicOffset
from streams.dead_letters.resolutions import is_resolved
from streams.dead_letters.selection import DeadLetterFilter
from streams.delivery.outcome import Stage
from streams.events.time import parse_iso_ms


class TimeParam(click.ParamType):
    """ISO 8601 time, as milliseconds since the epoch; UTC without a zone."""

    name = "time"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Parse the text of the option."""
        time_ms = parse_iso_ms(str(value))
        if time_ms is None:
            fix = "not an ISO 8601 time, like 2026-11-25T21:00:00Z or 2026-11-25"
            self.fail(f"{value!r} is {fix}", param, ctx)
        return time_ms


class OffsetParam(click.ParamType):
    """Partition and offset of a dead letter: PARTITION/OFFSET."""

    name = "partition/offset"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> TopicOffset:
        """Parse the text of the option."""
        try:
            return TopicOffset.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--reason", metavar="CODE", default="", help="Only this reason code."),
    click.option(
        "--stage",
        metavar="STAGE",
        type=click.Choice(sorted({*map(str, Stage), "deliver"})),
        default=None,
        help="Only this stage: intake, activate, deliver or deliver.LANE.",
    ),
    click.option(
        "--since", type=TimeParam(), help="Only dead letters at or after this time."
    ),
    click.option(
        "--until", type=TimeParam(), help="Only dead letters before this time."
    ),
    click.option(
        "--at",
        "topic_offsets",
        metavar="PARTITION/OFFSET",
        multiple=True,
        type=OffsetParam(),
        help="Only the dead letter at this offset; repeatable.",
    ),
    click.option("--all", "selects_all", is_flag=True, help="All of them."),
    click.option(
        "--include-resolved", is_flag=True, help="Include resolved dead letters."
    ),
)


def filter_options(command: CommandT) -> CommandT:
    """Add the options that select dead letters; the command gets a `filters`."""

    @wraps(command)
    def run_with_filters(  # noqa: PLR0913 - one for each option
        *args: Any,  # noqa: ANN401 - the command's own
        reason: str,
        stage: str | None,
        since: int | None,
        until: int | None,
        topic_offsets: tuple[TopicOffset, ...],
        selects_all: bool,
        **kwargs: Any,  # noqa: ANN401 - the command's own
    ) -> object:
        filters = DeadLetterFilter(
            code=reason,
            stage=stage or "",
            since_ms=since,
            until_ms=until,
            topic_offsets=frozenset((*topic_offsets, *kwargs.pop("arguments", ()))),
        )
        if filters.is_empty and not selects_all:
            raise click.UsageError(
                "no dead letters selected; give --reason, --stage, --since, --until or "
                "--at (all of them must match), or --all"
            )
        return command(*args, filters=filters, **kwargs)

    for option in reversed(_OPTIONS):
        run_with_filters = option(run_with_filters)
    return run_with_filters  # type: ignore[return-value] # as click types its decorators


def select_dead_letters(
    dead_letters: DeadLetters, filters: DeadLetterFilter, *, include_resolved: bool
) -> tuple[list[DeadLetterRecord], int]:
    """Return the selected records, and how many resolved records were left out.

    The values of the records are dropped: they could fill the memory.
    """
    resolutions = dead_letters.read_resolutions()
    selected: list[DeadLetterRecord] = []
    skipped = 0
    for record in dead_letters.read_all():
        if not filters.matches(record):
            continue
        if is_resolved(record, resolutions) and not include_resolved:
            skipped += 1
        else:
            selected.append(record.without_value())
    return selected, skipped
