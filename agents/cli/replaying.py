"""A replay on the command line: counted, begun, gone on with, and watched."""

import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from msgspec.structs import replace

from agents.admin.outcome_reader import OutcomeReader
from agents.admin.publisher import RecordPublisher
from agents.admin.replay.committed_offsets import read_committed_offsets
from agents.admin.replay.lag import LagReader
from agents.admin.replay.outcome_counter import OutcomeCounter
from agents.admin.replay.runner import ReplayProgress, ReplayRunner
from agents.admin.replay.selector import RecordPreview, RecordSelector
from agents.admin.replay.store import ReplayStore
from agents.admin.replay.topic_range import PartitionBounds, TopicRange
from agents.shared.context import clock_ms, kafka_access
from agents.shared.reprocess import new_replay_id
from agents.shared.signals import interrupt_on_signals
from streams.events.canonical_event import ReplayMode
from streams.replay.selection import ReplaySelection, clip_bounds
from streams.replay.state import ReplayState, ReplayStatus, estimate_remaining_s
from streams.replay.token_bucket import ReplayBucket
from streams.settings import Settings

SAMPLES: Final = 5
SAY_EVERY_S: Final = 2.0
COUNT_RECORDS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a replay is fed.

    Attributes:
        rate_per_s: Records a second at most.
        ahead_max: It waits while so many records wait before a stage.
        waits: Whether it waits for the outcomes.
    """

    rate_per_s: float
    ahead_max: int
    waits: bool


class Replaying:
    """What the command does.

    Args:
        settings: Where Kafka is, and how topics are named.
        order: How it is fed.
    """

    def __init__(self, settings: Settings, order: Order) -> None:
        self._settings = settings
        self._order = order
        self._kafka = kafka_access(settings)
        self._said_s = float("-inf")

    def count(self, selection: ReplaySelection) -> None:
        """Say what a replay would take."""
        taking = RecordSelector(self._settings, selection, replay="")
        with closing(TopicRange(self._kafka, selection.topic)) as source:
            ends = self._ends(source, selection)
            counts, samples = _counted(source, ends, taking)
        for partition, (first, last) in sorted(ends.items()):
            taken = counts.get(partition, 0)
            click.echo(f"partition {partition}\toffsets {first}-{last}\ttakes {taken}")
        for sample in samples:
            at = datetime.fromtimestamp(sample.time_ms / 1000, UTC)
            click.echo(
                f"such as\t{sample.location}\t{at:%Y-%m-%dT%H:%M:%SZ}\t{sample.kind}"
            )
        if taking.unreadable:
            click.echo(f"unreadable, and passed over\t{taking.unreadable}")
        click.echo(f"takes {sum(counts.values())} records; do it with --apply")

    def begin(self, selection: ReplaySelection) -> None:
        """Begin a replay, and watch it to its end."""
        replay = new_replay_id(datetime.now(UTC))
        taking = RecordSelector(self._settings, selection, replay=replay)
        registry = ReplayStore(self._kafka, self._settings)
        with closing(TopicRange(self._kafka, selection.topic)) as source:
            state = ReplayState(
                id=replay,
                selection=selection,
                bounds=self._ends(source, selection),
                positions={},
                started_ms=clock_ms(),
            )
            click.echo(f"replay {replay}: {state.total} offsets of {selection.topic}")
            registry.save(state)
            self._feed(state, source, taking, registry)

    def go_on(self, replay: str) -> None:
        """Go on with one that was interrupted, or begin one again that was stopped.

        What was under way when it was stopped ended there, and nobody knows where.
        """
        registry = ReplayStore(self._kafka, self._settings)
        state = registry.read(replay)
        if state.status is ReplayStatus.STOPPED:
            state = replace(state, position={}, status=ReplayStatus.RUNNING)
            registry.save(state)  # first: killed in between, it is stopped still
            registry.clear_stop(replay)
        if not state.remaining:
            click.echo(f"replay {replay}: all of it is taken in")
            return
        click.echo(f"replay {replay}: {state.remaining} of {state.total} offsets left")
        taking = RecordSelector(self._settings, state.selection, replay=replay)
        taking.unreadable = state.unreadable
        with closing(TopicRange(self._kafka, state.selection.topic)) as source:
            self._feed(state, source, taking, registry)

    def _ends(self, source: TopicRange, selection: ReplaySelection) -> PartitionBounds:
        """A table learns nothing that live events have still to tell Klaviyo."""
        ends = source.find_bounds(selection)
        if selection.mode is not ReplayMode.STATE_ONLY:
            return ends
        topic = selection.topic
        return clip_bounds(
            ends,
            read_committed_offsets(
                self._kafka, self._settings, topic=topic, partitions=ends
            ),
        )

    def _feed(
        self,
        state: ReplayState,
        source: TopicRange,
        taking: RecordSelector,
        registry: ReplayStore,
    ) -> None:
        interrupt_on_signals()
        fed_before = state.records_published
        outcomes = self._settings.topics.outcomes
        with (
            closing(OutcomeReader(self._kafka, outcomes, replay=state.id)) as found,
            closing(LagReader(self._kafka, self._settings)) as lag,
        ):
            tally = OutcomeCounter(found)
            feeder = ReplayRunner(
                state,
                topic_range=source,
                selector=taking,
                publisher=RecordPublisher(self._kafka),
                store=registry,
                lag_reader=lag,
                outcomes=tally,
            )
            tap = ReplayBucket(
                rate_per_s=self._order.rate_per_s, max_lag=self._order.ahead_max
            )
            try:
                state = feeder.run(tap, report=lambda now: self._say(now, tally))
                self._await(state, tally, fed=state.records_published - fed_before)
            except KeyboardInterrupt:
                click.echo(
                    "\ninterrupted; what is taken in goes on.\n"
                    f"the rest: klaviyo-streams replay --resume {state.id}\n"
                    f"or end it: klaviyo-streams replay --stop {state.id}"
                )
                sys.exit(130)

    def _await(self, state: ReplayState, tally: OutcomeCounter, *, fed: int) -> None:
        if state.status is ReplayStatus.STOPPED:
            click.echo(f"stopped after {state.records_published} records")
            return
        click.echo(f"taken in: {fed}; unreadable and passed over: {state.unreadable}")
        while self._order.waits and tally.pending_count:
            tally.read(wait_s=0.5)
            if self._is_time():
                known = tally.completed + tally.pending_count
                click.echo(f"{tally.completed} of {known} ended", err=True)
        if self._order.waits:
            _say_endings(tally.counts)

    def _say(self, now: ReplayProgress, tally: OutcomeCounter) -> None:
        tally.read()
        if not self._is_time():
            return
        left_s = estimate_remaining_s(now.state, per_s=now.per_s)
        left = str(timedelta(seconds=round(left_s))) if left_s is not None else "?"
        held = ""
        if now.lag >= self._order.ahead_max:
            held = f"; waits: {now.group} has {now.lag} records to do"
        click.echo(
            f"{now.state.total - now.state.remaining} of {now.state.total} offsets, "
            f"{now.state.records_published} taken in, {tally.completed} ended, {now.per_s:.0f}/s, "
            f"{left} left{held}",
            err=True,
        )

    def _is_time(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._said_s < SAY_EVERY_S:
            return False
        self._said_s = now_s
        return True


def _say_endings(counts: Mapping[str, int]) -> None:
    for fate, count in sorted(counts.items()):
        click.echo(f"{count}\t{fate}")


def _counted(
    source: TopicRange, ends: dict[int, tuple[int, int]], taking: RecordSelector
) -> tuple[dict[int, int], list[RecordPreview]]:
    counts: dict[int, int] = {}
    samples: list[RecordPreview] = []
    source.start(ends, {})
    while not source.is_finished:
        for message in source.read(COUNT_RECORDS):
            if (found := taking.select(message)) is None:
                continue
            partition = message.partition() or 0
            counts[partition] = counts.get(partition, 0) + 1
            if len(samples) < SAMPLES:
                samples.append(found[1])
    return counts, samples
