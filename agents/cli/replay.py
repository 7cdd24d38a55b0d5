"""`klaviyo-streams replay`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from agents.admin.replay.selector import qualified_topic
from agents.admin.replay.store import ReplayStore
from agents.cli.support.replay_command import ReplayCommand, ReplayOptions
from agents.cli.support.settings_options import read_settings, settings_option
from agents.shared.context import kafka_access
from streams.errors import ConfigError
from streams.events.canonical_event import ReplayMode
from streams.replay.selection import ReplaySelection, parse_offset_ranges, parse_time_ms
from streams.replay.state import ReplayState
from streams.settings import Settings


@click.command()
@settings_option
@click.option(
    "--topic",
    help="A source topic, events, or a lane such as activations.lists.  [default: the "
    "source topic]",
)
@click.option("--partition", "partitions", type=int, multiple=True, help="Only this.")
@click.option(
    "--offsets",
    multiple=True,
    metavar="PARTITION:FROM-UNTIL",
    help="Only these; either end may be left out, UNTIL is not taken.",
)
@click.option("--since", help="Records written from then on, ISO 8601, UTC.")
@click.option("--until", help="Records written before.")
@click.option("--user", default="", help="Only this user.")
@click.option("--audience", default="", help="Only what is about this audience.")
@click.option("--where", default="", metavar="FQL", help="Only events that match.")
@click.option(
    "--mode",
    default=ReplayMode.CHANGES_ONLY.value,
    show_default=True,
    type=click.Choice([mode.value for mode in ReplayMode]),
    help="correct: what says the same as before does nothing. again: list changes and "
    "attributes that are still the last word are told once more; of a lane, all. "
    "rebuild: the table learns what workers have read, Klaviyo hears nothing.",
)
@click.option("--apply", is_flag=True, help="Do it; without it, count and show some.")
@click.option(
    "--rate",
    default=500.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Records a second at most.",
)
@click.option(
    "--ahead",
    default=2_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Wait while so many records, live ones too, wait before a stage.",
)
@click.option("--no-wait", is_flag=True, help="End when all is taken in.")
@click.option("--list", "listed", is_flag=True, help="List replays, the latest first.")
@click.option("--resume", metavar="ID", help="Go on with one where it was left.")
@click.option("--stop", metavar="ID", help="Stop one; what no lane has yet ends there.")
def replay(  # noqa: PLR0913 - one argument an option
    *,
    file: Path | None,
    topic: str | None,
    partitions: Sequence[int],
    offsets: Sequence[str],
    since: str | None,
    until: str | None,
    user: str,
    audience: str,
    where: str,
    mode: str,
    apply: bool,
    rate: float,
    ahead: int,
    no_wait: bool,
    listed: bool,
    resume: str | None,
    stop: str | None,
) -> None:
    """Take records in again: a range of a source topic, of events or of a lane.

    Without --apply it only counts, and shows some. Records go through the same stages as
    the first time, behind what happens now, under their first origin: an older one
    undoes nothing, a repeat changes nothing, each event is recorded once. Events that
    happened longer ago than replay_backfill_after_s fire no flows.

    Interrupted, it says how to go on. Times are those at which records were written.

    \b
    Examples:
      klaviyo-streams replay --since 2026-11-01T00:00Z --until 2026-11-01T01:00Z
      klaviyo-streams replay --offsets 3:100-200 --apply
      klaviyo-streams replay --user u-17 --where 'type = "track"'
      klaviyo-streams replay --audience big_spenders --mode again --no-wait --apply
      klaviyo-streams replay --topic events --partition 0 --rate 500 --apply
      klaviyo-streams replay --list
    """  # noqa: D301 - click reads the backspace
    settings = read_settings(file)
    order = ReplayOptions(rate_per_s=rate, max_lag=ahead, waits=not no_wait)
    if listed or stop:
        _administer(settings, stop=stop)
        return
    replaying = ReplayCommand(settings, order)
    if resume:
        replaying.resume(resume)
        return
    selection = ReplaySelection(
        topic=_topic(settings, topic),
        offset_ranges=parse_offset_ranges(partitions, offsets),
        since_ms=parse_time_ms(since, option="--since") if since else None,
        until_ms=parse_time_ms(until, option="--until") if until else None,
        user=user,
        audience=audience,
        where=where,
        mode=ReplayMode(mode),
    )
    if apply:
        replaying.start(selection)
    else:
        replaying.count(selection)


def _topic(settings: Settings, named: str | None) -> str:
    if named:
        return qualified_topic(settings, named)
    if len(settings.source_topics) > 1:
        names = ", ".join(settings.source_topics)
        raise ConfigError([f"--topic: name one of the source topics: {names}"])
    return settings.source_topics[0]


def _administer(settings: Settings, *, stop: str | None) -> None:
    registry = ReplayStore(kafka_access(settings), settings)
    if stop:
        state = registry.read(stop)
        registry.stop(state.id)
        click.echo(
            f"stopped {state.id}; "
            f"go on with: klaviyo-streams replay --resume {state.id}"
        )
        return
    states = registry.read_all()
    for state in states:
        click.echo(_line(state))
    if not states:
        click.echo("no replay yet")


def _line(state: ReplayState) -> str:
    began = datetime.fromtimestamp(state.started_ms / 1000, UTC)
    done = state.total - state.remaining
    return (
        f"{state.id}\t{state.status}\t{began:%Y-%m-%dT%H:%MZ}\t{state.selection.topic}"
        f"\t{state.selection.mode}\t{done} of {state.total} read, {state.records_published} taken in"
    )
