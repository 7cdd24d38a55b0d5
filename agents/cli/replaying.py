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

from agents.context import clock_ms, kafka_access
from agents.endings import Endings
from agents.interrupts import interrupt_on_signals
from agents.reentry import Publisher, new_id
from agents.replaying.feeding import Feeder, Now
from agents.replaying.lag import Lag
from agents.replaying.ranges import Ends, Range
from agents.replaying.reached import reached
from agents.replaying.registry import Registry
from agents.replaying.taking import Sample, Taking
from agents.replaying.tally import Tally
from streams.events.model import ReplayMode
from streams.replay.pace import Feed
from streams.replay.selection import Selection, up_to
from streams.replay.state import ReplayState, Status, remaining_s
from streams.settings import Settings

SAMPLES: Final = 5
SAY_EVERY_S: Final = 2.0
COUNT_RECORDS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a replay is fed.

    Attributes:
        rate_per_s: Records a second at most.
        ahead_max: It waits while so many records wait before a hop.
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

    def count(self, selection: Selection) -> None:
        """Say what a replay would take."""
        taking = Taking(self._settings, selection, replay="")
        with closing(Range(self._kafka, selection.topic)) as source:
            ends = self._ends(source, selection)
            counts, samples = _counted(source, ends, taking)
        for partition, (first, last) in sorted(ends.items()):
            taken = counts.get(partition, 0)
            click.echo(f"partition {partition}\toffsets {first}-{last}\ttakes {taken}")
        for sample in samples:
            at = datetime.fromtimestamp(sample.time_ms / 1000, UTC)
            click.echo(
                f"such as\t{sample.place}\t{at:%Y-%m-%dT%H:%M:%SZ}\t{sample.kind}"
            )
        if taking.unreadable:
            click.echo(f"unreadable, and passed over\t{taking.unreadable}")
        click.echo(f"takes {sum(counts.values())} records; do it with --apply")

    def begin(self, selection: Selection) -> None:
        """Begin a replay, and watch it to its end."""
        replay = new_id(datetime.now(UTC))
        taking = Taking(self._settings, selection, replay=replay)
        registry = Registry(self._kafka, self._settings)
        with closing(Range(self._kafka, selection.topic)) as source:
            state = ReplayState(
                id=replay,
                selection=selection,
                ends=self._ends(source, selection),
                position={},
                began_ms=clock_ms(),
            )
            click.echo(f"replay {replay}: {state.total} offsets of {selection.topic}")
            registry.write(state)
            self._feed(state, source, taking, registry)

    def go_on(self, replay: str) -> None:
        """Go on with one that was interrupted, or begin one again that was stopped.

        What was under way when it was stopped ended there, and nobody knows where.
        """
        registry = Registry(self._kafka, self._settings)
        state = registry.one(replay)
        if state.status is Status.STOPPED:
            state = replace(state, position={}, status=Status.RUNNING)
            registry.write(state)  # first: killed in between, it is stopped still
            registry.go_on(replay)
        if not state.left:
            click.echo(f"replay {replay}: all of it is taken in")
            return
        click.echo(f"replay {replay}: {state.left} of {state.total} offsets left")
        taking = Taking(self._settings, state.selection, replay=replay)
        taking.unreadable = state.unreadable
        with closing(Range(self._kafka, state.selection.topic)) as source:
            self._feed(state, source, taking, registry)

    def _ends(self, source: Range, selection: Selection) -> Ends:
        """A table learns nothing that live events have still to tell Klaviyo."""
        ends = source.ends(selection)
        if selection.mode is not ReplayMode.REBUILD:
            return ends
        topic = selection.topic
        return up_to(ends, reached(self._kafka, self._settings, topic=topic, ends=ends))

    def _feed(
        self, state: ReplayState, source: Range, taking: Taking, registry: Registry
    ) -> None:
        interrupt_on_signals()
        fed_before = state.fed
        outcomes = self._settings.topics.outcomes
        with (
            closing(Endings(self._kafka, outcomes, replay=state.id)) as found,
            closing(Lag(self._kafka, self._settings)) as lag,
        ):
            tally = Tally(found)
            feeder = Feeder(
                state,
                source=source,
                taking=taking,
                publisher=Publisher(self._kafka),
                registry=registry,
                lag=lag,
                tally=tally,
            )
            tap = Feed(per_s=self._order.rate_per_s, ahead_max=self._order.ahead_max)
            try:
                state = feeder.feed(tap, say=lambda now: self._say(now, tally))
                self._await(state, tally, fed=state.fed - fed_before)
            except KeyboardInterrupt:
                click.echo(
                    "\ninterrupted; what is taken in goes on.\n"
                    f"the rest: klaviyo-streams replay --resume {state.id}\n"
                    f"or end it: klaviyo-streams replay --stop {state.id}"
                )
                sys.exit(130)

    def _await(self, state: ReplayState, tally: Tally, *, fed: int) -> None:
        if state.status is Status.STOPPED:
            click.echo(f"stopped after {state.fed} records")
            return
        click.echo(f"taken in: {fed}; unreadable and passed over: {state.unreadable}")
        while self._order.waits and tally.left:
            tally.read(wait_s=0.5)
            if self._is_time():
                known = tally.ended + tally.left
                click.echo(f"{tally.ended} of {known} ended", err=True)
        if self._order.waits:
            _say_endings(tally.counts)

    def _say(self, now: Now, tally: Tally) -> None:
        tally.read()
        if not self._is_time():
            return
        left_s = remaining_s(now.state, per_s=now.per_s)
        left = str(timedelta(seconds=round(left_s))) if left_s is not None else "?"
        held = ""
        if now.waiting >= self._order.ahead_max:
            held = f"; waits: {now.hop} has {now.waiting} records to do"
        click.echo(
            f"{now.state.total - now.state.left} of {now.state.total} offsets, "
            f"{now.state.fed} taken in, {tally.ended} ended, {now.per_s:.0f}/s, "
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
    source: Range, ends: dict[int, tuple[int, int]], taking: Taking
) -> tuple[dict[int, int], list[Sample]]:
    counts: dict[int, int] = {}
    samples: list[Sample] = []
    source.begin(ends, {})
    while not source.is_over:
        for message in source.read(COUNT_RECORDS):
            if (found := taking.take(message)) is None:
                continue
            partition = message.partition() or 0
            counts[partition] = counts.get(partition, 0) + 1
            if len(samples) < SAMPLES:
                samples.append(found[1])
    return counts, samples
