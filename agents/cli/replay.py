"""Command `klaviyo-streams replay`: reprocess records that were read before."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from agents.admin.replay.selector import qualified_topic
from agents.admin.replay.store import ReplayStore
from agents.cli.support.replay_command import ReplayCommand, ReplayOptions
from agents.cli.support.settings_options import (
    open_kafka_settings,
    read_sources,
    settings_option,
)
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
@click.option(
    "--partition", "partitions", type=int, multiple=True, help="Only this partition."
)
@click.option(
    "--offsets",
    multiple=True,
    metavar="PARTITION:FROM-UNTIL",
    help="Only these offsets, without UNTIL; both ends are optional.",
)
@click.option(
    "--since", help="Only records written at or after this time (ISO 8601, UTC)."
)
@click.option("--until", help="Only records written before this time.")
@click.option("--user", default="", help="Only this user.")
@click.option("--audience", default="", help="Only events about this audience.")
@click.option("--where", default="", metavar="FQL", help="Only events that match.")
@click.option(
    "--mode",
    default=ReplayMode.CHANGES_ONLY.value,
    show_default=True,
    type=click.Choice([mode.value for mode in ReplayMode]),
    help="correct: process only what differs from the first time. again: also send "
    "list changes and attributes again that are still the last write; of a lane, "
    "everything. rebuild: restore the memberships table from the records that workers "
    "have read, and send nothing to Klaviyo.",
)
@click.option("--apply", is_flag=True, help="Publish. Without it, only count.")
@click.option(
    "--rate",
    default=500.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Maximum records per second.",
)
@click.option(
    "--max-lag",
    default=2_000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Pause while a stage has more pending records, including live ones.",
)
@click.option("--no-wait", is_flag=True, help="Exit once all records are published.")
@click.option(
    "--list", "lists_replays", is_flag=True, help="List replays, newest first."
)
@click.option("--resume", metavar="ID", help="Resume replay ID.")
@click.option(
    "--stop",
    metavar="ID",
    help="Stop replay ID; records not yet assigned to a lane are dropped.",
)
def replay(  # noqa: PLR0913 - one argument an option
    *,
    settings_path: Path | None,
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
    max_lag: int,
    no_wait: bool,
    lists_replays: bool,
    resume: str | None,
    stop: str | None,
) -> None:
    """Reprocess a range of a source topic, of events, or of a lane.

    Without --apply it only counts the records and shows a few of them. Records pass
    through the same stages as the first time, after live events and with their
    original origin: an older record overwrites nothing newer, a duplicate changes
    nothing, and each event is recorded once in Klaviyo. Events older than
    replay_backfill_after_s trigger no flows.

    If it is interrupted, it prints how to resume. --since and --until refer to the
    time at which a record was written.

    \b
    Examples:
      klaviyo-streams replay --since 2026-11-01T00:00Z --until 2026-11-01T01:00Z
      klaviyo-streams replay --offsets 3:100-200 --apply
      klaviyo-streams replay --user u-17 --where 'type = "track"'
      klaviyo-streams replay --audience big_spenders --mode again --no-wait --apply
      klaviyo-streams replay --topic events --partition 0 --rate 500 --apply
      klaviyo-streams replay --list
    """  # noqa: D301 - click reads the backspace
    settings = open_kafka_settings(settings_path)
    if stop:
        _stop_replay(settings, stop)
        return
    if lists_replays:
        _list_replays(settings)
        return
    options = ReplayOptions(rate_per_s=rate, max_lag=max_lag, waits=not no_wait)
    command = ReplayCommand(settings, options, sources=read_sources(settings_path))
    if resume:
        command.resume(resume)
        return
    selection = ReplaySelection(
        topic=_source_topic(settings, topic),
        offset_ranges=parse_offset_ranges(partitions, offsets),
        since_ms=parse_time_ms(since, option="--since") if since else None,
        until_ms=parse_time_ms(until, option="--until") if until else None,
        user=user,
        audience=audience,
        where=where,
        mode=ReplayMode(mode),
    )
    if apply:
        command.start(selection)
    else:
        command.count(selection)


def _source_topic(settings: Settings, topic: str | None) -> str:
    if topic:
        return qualified_topic(settings, topic)
    if len(settings.source_topics) > 1:
        names = ", ".join(settings.source_topics)
        raise ConfigError([f"--topic: choose one of the source topics: {names}"])
    return settings.source_topics[0]


def _stop_replay(settings: Settings, replay_id: str) -> None:
    store = ReplayStore(kafka_access(settings), settings)
    state = store.read(replay_id)
    store.stop(state.id)
    click.echo(
        f"stopped {state.id}; to resume it: klaviyo-streams replay --resume {state.id}"
    )


def _list_replays(settings: Settings) -> None:
    states = ReplayStore(kafka_access(settings), settings).read_all()
    for state in states:
        click.echo(_line(state))
    if not states:
        click.echo("no replays")


def _line(state: ReplayState) -> str:
    started = datetime.fromtimestamp(state.started_ms / 1000, UTC)
    read = state.total - state.remaining
    return (
        f"{state.id}\t{state.status}\t{started:%Y-%m-%dT%H:%MZ}"
        f"\t{state.selection.topic}\t{state.selection.mode}"
        f"\t{read}/{state.total} records read, {state.records_published} published"
    )
