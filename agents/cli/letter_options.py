"""Which dead letters a command means: the options that several of them share."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from agents.admin.dead_letters import DeadLetters
from agents.cli.options import F
from streams.dead_letters.record import DeadLetterRecord, TopicOffset
from streams.dead_letters.resolutions import is_resolved
from streams.dead_letters.selection import DeadLetterFilter
from streams.delivery.stage import Stage
from streams.events.time import parse_iso_ms


class _Time(click.ParamType):
    """ISO 8601, as milliseconds since the epoch; UTC where it names no zone."""

    name = "time"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Read it."""
        time_ms = parse_iso_ms(str(value))
        if time_ms is None:
            fix = "not an ISO 8601 time, like 2026-11-25T21:00:00Z or 2026-11-25"
            self.fail(f"{value!r} is {fix}", param, ctx)
        return time_ms


class PlaceType(click.ParamType):
    """PARTITION/OFFSET."""

    name = "partition/offset"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> TopicOffset:
        """Read it."""
        try:
            return TopicOffset.parse(str(value))
        except ValueError as mistake:
            self.fail(str(mistake), param, ctx)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--reason", metavar="CODE", default="", help="Those of this fault."),
    click.option(
        "--stage",
        metavar="STAGE",
        type=click.Choice(sorted({*map(str, Stage), "deliver"})),
        default=None,
        help="Those that failed there: intake, activate, deliver, deliver.LANE.",
    ),
    click.option("--since", type=_Time(), help="Those that came then or later."),
    click.option("--until", type=_Time(), help="Those that came before then."),
    click.option(
        "--place",
        "places",
        multiple=True,
        type=PlaceType(),
        help="The one that lies there; may be repeated.",
    ),
    click.option("--all", "everything", is_flag=True, help="Every one."),
    click.option("--handled", "again", is_flag=True, help="Also those handled before."),
)


def filter_options(command: F) -> F:
    """Add the options that say which are meant; the command gets a `Filters`."""

    @wraps(command)
    def filtered(  # noqa: PLR0913 - one for each option
        *args: Any,  # noqa: ANN401 - the command's own
        reason: str,
        stage: str | None,
        since: int | None,
        until: int | None,
        places: tuple[TopicOffset, ...],
        everything: bool,
        **kwargs: Any,  # noqa: ANN401 - the command's own
    ) -> object:
        more = kwargs.pop("more", ())
        filters = DeadLetterFilter(
            code=reason,
            stage=stage or "",
            since_ms=since,
            until_ms=until,
            topic_offsets=frozenset((*places, *more)),
        )
        if filters.is_empty and not everything:
            raise click.UsageError(
                "which dead letters? Give --reason, --stage, --since, --until or "
                "--place, which narrow one another, or --all"
            )
        return command(*args, filters=filters, **kwargs)

    for option in reversed(_OPTIONS):
        filtered = option(filtered)
    return filtered  # type: ignore[return-value] # as click types its decorators


def meant(
    letters: DeadLetters, filters: DeadLetterFilter, *, again: bool
) -> tuple[list[DeadLetterRecord], int]:
    """Those that are meant, without their values, and how many were handled before."""
    rows = letters.read_resolutions()
    found: list[DeadLetterRecord] = []
    before = 0
    for one in letters.read_all():
        if not filters.matches(one):
            continue
        if is_resolved(one, rows) and not again:
            before += 1
        else:
            found.append(one.without_value())
    return found, before
