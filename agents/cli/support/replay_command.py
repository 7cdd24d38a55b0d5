"""A replay run from the command line: counted, started or resumed, and watched."""

import sys
import time
from collections.abc import Iterable, Mapping
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
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.command import CommandSchemas
from agents.shared.reprocess import new_replay_id
from agents.shared.signals import interrupt_on_signals
from streams.events.canonical_event import ReplayMode
from streams.events.sources import Source, converted_topics
from streams.replay.selection import ReplaySelection, clip_bounds
from streams.replay.state import ReplayState, ReplayStatus, estimate_remaining_s
from streams.replay.token_bucket import ReplayBucket
from streams.settings import Settings

SAMPLES: Final = 5
PROGRESS_INTERVAL_S: Final = 2.0
READ_BATCH_RECORDS: Final = 5_000
OUTCOME_WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """Speed and end of a replay.

    Attributes:
        rate_per_s: Maximum records per second.
        max_lag: Pause while a stage has more pending records.
        waits: True to wait for the outcomes.
    """

    rate_per_s: float
    max_lag: int
    waits: bool


class ReplayCommand:
    """Runs a replay and prints the progress.

    Args:
        settings: Broker addresses and topic names.
        options: Speed of the replay.
        sources: Sources of the destination file, for the filters of a replay.
    """

    def __init__(
        self, settings: Settings, options: ReplayOptions, *, sources: Iterable[Source]
    ) -> None:
        self._settings = settings
        self._sources = converted_topics(sources)
        self._schemas = CommandSchemas(RegistryClients())
        self._options = options
        self._kafka = kafka_access(settings)
        self._printed_s = float("-inf")

    def count(self, selection: ReplaySelection) -> None:
        """Print how many records a replay would publish, and a few of the records."""
        selector = self._selector(selection, replay="")
        with closing(TopicRange(self._kafka, selection.topic)) as topic_range:
            bounds = self._find_bounds(topic_range, selection)
            counts, samples = _count_records(topic_range, bounds, selector)
        for partition, (first, last) in sorted(bounds.items()):
            count = counts.get(partition, 0)
            click.echo(
                f"partition {partition}\toffsets {first}-{last}\t{count} selected"
            )
        for sample in samples:
            written_at = datetime.fromtimestamp(sample.time_ms / 1000, UTC)
            click.echo(
                f"for example\t{sample.location}"
                f"\t{written_at:%Y-%m-%dT%H:%M:%SZ}\t{sample.kind}"
            )
        if selector.unreadable:
            click.echo(f"unreadable, skipped\t{selector.unreadable}")
        click.echo(f"{sum(counts.values())} records selected; add --apply to replay")

    def _selector(self, selection: ReplaySelection, *, replay: str) -> RecordSelector:
        return RecordSelector(
            self._settings,
            selection,
            replay=replay,
            sources=self._sources,
            schemas=self._schemas.lookup,
        )

    def start(self, selection: ReplaySelection) -> None:
        """Start a replay, and watch the replay to the end."""
        replay_id = new_replay_id(datetime.now(UTC))
        selector = self._selector(selection, replay=replay_id)
        store = ReplayStore(self._kafka, self._settings)
        with closing(TopicRange(self._kafka, selection.topic)) as topic_range:
            state = ReplayState(
                id=replay_id,
                selection=selection,
                bounds=self._find_bounds(topic_range, selection),
                positions={},
                started_ms=clock_ms(),
            )
            click.echo(
                f"replay {replay_id}: {state.total} offsets of {selection.topic}"
            )
            store.save(state)
            self._run(state, topic_range, selector, store)

    def resume(self, replay_id: str) -> None:
        """Resume an interrupted replay, or start a stopped replay from the beginning.

        The records that were in progress when a replay was stopped were dropped, and
        their number is not known; so a stopped replay starts again.
        """
        store = ReplayStore(self._kafka, self._settings)
        state = store.read(replay_id)
        if state.status is ReplayStatus.STOPPED:
            state = replace(state, positions={}, status=ReplayStatus.RUNNING)
            # The state is saved first: if the process is killed before the stop is
            # cleared, the replay is still stopped and can be resumed again.
            store.save(state)
            store.clear_stop(replay_id)
        if not state.remaining:
            click.echo(f"replay {replay_id}: all records are published")
            return
        click.echo(
            f"replay {replay_id}: {state.remaining} of {state.total} offsets left"
        )
        selector = self._selector(state.selection, replay=replay_id)
        selector.unreadable = state.unreadable
        with closing(TopicRange(self._kafka, state.selection.topic)) as topic_range:
            self._run(state, topic_range, selector, store)

    def _find_bounds(
        self, topic_range: TopicRange, selection: ReplaySelection
    ) -> PartitionBounds:
        """Return the offsets to read.

        A rebuild ends at the committed offsets: a row of a later record would hide the
        change that the live event has yet to send to Klaviyo.
        """
        bounds = topic_range.find_bounds(selection)
        if selection.mode is not ReplayMode.STATE_ONLY:
            return bounds
        committed = read_committed_offsets(
            self._kafka, self._settings, topic=selection.topic, partitions=bounds
        )
        return clip_bounds(bounds, committed)

    def _run(
        self,
        state: ReplayState,
        topic_range: TopicRange,
        selector: RecordSelector,
        store: ReplayStore,
    ) -> None:
        interrupt_on_signals()
        published_before = state.records_published
        outcomes_topic = self._settings.topics.outcomes
        with (
            closing(
                OutcomeReader(self._kafka, outcomes_topic, replay=state.id)
            ) as outcome_reader,
            closing(LagReader(self._kafka, self._settings)) as lag_reader,
        ):
            counter = OutcomeCounter(outcome_reader)
            runner = ReplayRunner(
                state,
                topic_range=topic_range,
                selector=selector,
                publisher=RecordPublisher(self._kafka),
                store=store,
                lag_reader=lag_reader,
                outcomes=counter,
            )
            bucket = ReplayBucket(
                rate_per_s=self._options.rate_per_s, max_lag=self._options.max_lag
            )
            try:
                state = runner.run(
                    bucket, report=lambda now: self._print_progress(now, counter)
                )
                self._wait_for_outcomes(
                    state, counter, published=state.records_published - published_before
                )
            except KeyboardInterrupt:
                click.echo(
                    "\ninterrupted; records already published are still processed\n"
                    f"to resume: klaviyo-streams replay --resume {state.id}\n"
                    f"to stop:   klaviyo-streams replay --stop {state.id}"
                )
                sys.exit(130)

    def _wait_for_outcomes(
        self, state: ReplayState, counter: OutcomeCounter, *, published: int
    ) -> None:
        if state.status is ReplayStatus.STOPPED:
            click.echo(f"stopped after {state.records_published} records")
            return
        click.echo(f"published: {published}; unreadable, skipped: {state.unreadable}")
        while self._options.waits and counter.pending_count:
            counter.read(wait_s=OUTCOME_WAIT_S)
            if self._is_progress_due():
                total = counter.completed + counter.pending_count
                click.echo(f"{counter.completed}/{total} completed", err=True)
        if self._options.waits:
            _print_outcomes(counter.counts)

    def _print_progress(self, now: ReplayProgress, counter: OutcomeCounter) -> None:
        counter.read()
        if not self._is_progress_due():
            return
        remaining_s = estimate_remaining_s(now.state, per_s=now.per_s)
        eta = "?" if remaining_s is None else str(timedelta(seconds=round(remaining_s)))
        pause = ""
        if now.lag >= self._options.max_lag:
            pause = f"; paused: {now.group} has {now.lag} pending records"
        read = now.state.total - now.state.remaining
        click.echo(
            f"{read}/{now.state.total} records read, "
            f"{now.state.records_published} published, {counter.completed} completed, "
            f"{now.per_s:.0f}/s, ETA {eta}{pause}",
            err=True,
        )

    def _is_progress_due(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._printed_s < PROGRESS_INTERVAL_S:
            return False
        self._printed_s = now_s
        return True


def _print_outcomes(counts: Mapping[str, int]) -> None:
    for outcome, count in sorted(counts.items()):
        click.echo(f"{count}\t{outcome}")


def _count_records(
    topic_range: TopicRange,
    bounds: dict[int, tuple[int, int]],
    selector: RecordSelector,
) -> tuple[dict[int, int], list[RecordPreview]]:
    counts: dict[int, int] = {}
    samples: list[RecordPreview] = []
    topic_range.start(bounds, {})
    while not topic_range.is_finished:
        for record in topic_range.read(READ_BATCH_RECORDS):
            if (selected := selector.select(record)) is None:
                continue
            partition = record.partition() or 0
            counts[partition] = counts.get(partition, 0) + 1
            if len(samples) < SAMPLES:
                samples.append(selected[1])
    return counts, samples
