"""Feeds a replay into the journey, behind what happens now."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from agents.context import clock_ms
from agents.reentry import Publisher
from agents.replaying.lag import Lag
from agents.replaying.ranges import Range
from agents.replaying.registry import Registry
from agents.replaying.taking import Taking
from agents.replaying.tally import Tally
from streams.replay.pace import Feed, filled, spent
from streams.replay.state import ReplayState, Status

READ_RECORDS: Final = 2_000
TICK_S: Final = 0.05
LAG_EVERY_S: Final = 0.5
WRITE_EVERY_S: Final = 2.0


class Now(NamedTuple):
    """How far a replay is.

    Attributes:
        state: The replay.
        per_s: Offsets passed in a second since it began, or went on.
        hop: The hop with the longest backlog.
        waiting: How long that is.
    """

    state: ReplayState
    per_s: float
    hop: str
    waiting: int


class Feeder:
    """One replay under way.

    Args:
        state: Where it begins or goes on.
        source: Its range.
        taking: Takes its records.
        publisher: Writes them.
        registry: Where it notes how far it is, and is stopped.
        lag: What waits before the hops.
        tally: Is told what is taken in.
    """

    def __init__(  # noqa: PLR0913 - what a command puts together
        self,
        state: ReplayState,
        *,
        source: Range,
        taking: Taking,
        publisher: Publisher,
        registry: Registry,
        lag: Lag,
        tally: Tally,
    ) -> None:
        self.state = state
        self._source = source
        self._taking = taking
        self._publisher = publisher
        self._registry = registry
        self._lag = lag
        self._tally = tally
        self._hop, self._waiting = "", 0
        self._asked_s = self._written_s = float("-inf")

    def feed(self, tap: Feed, *, say: Callable[[Now], None]) -> ReplayState:
        """Take records in until all are, or somebody stops it; ends with its state.

        Args:
            tap: How many a second, and behind how many others.
            say: Is told how far it is, many times a second.
        """
        self._source.begin(self.state.ends, self.state.position)
        began_s, began_left = time.monotonic(), self.state.left
        tap = msgspec.structs.replace(tap, at_s=began_s)
        while not self._source.is_over:
            tap = self._fill(tap)
            if self._is_stopped():
                return self._write(Status.STOPPED)
            if tap.credit < 1:
                time.sleep(TICK_S)
            else:
                tap = spent(tap, self._some(int(tap.credit)))
            passed_s = time.monotonic() - began_s
            per_s = (began_left - self.state.left) / passed_s if passed_s else 0.0
            say(Now(self.state, per_s, self._hop, self._waiting))
        return self._write(Status.FED)

    def _fill(self, tap: Feed) -> Feed:
        now_s = time.monotonic()
        if now_s - self._asked_s >= LAG_EVERY_S:
            self._hop, self._waiting = self._lag.most()
            self._asked_s = now_s
        return filled(tap, now_s=now_s, waiting=self._waiting)

    def _some(self, credit: int) -> int:
        """Take some in; how many of them are to be paid for."""
        read = self._source.read(min(credit, READ_RECORDS))
        taken = [found for found in map(self._taking.take, read) if found is not None]
        self._publisher.publish([message for message, _ in taken])
        self._tally.took_in(sample.origin for _, sample in taken)
        self.state = msgspec.structs.replace(
            self.state,
            position=dict(self._source.position),
            read=self.state.read + len(read),
            fed=self.state.fed + len(taken),
            unreadable=self._taking.unreadable,
        )
        return len(taken)

    def _is_stopped(self) -> bool:
        """Look now and then whether somebody has stopped it, and note how far it is."""
        now_s = time.monotonic()
        if now_s - self._written_s < WRITE_EVERY_S:
            return False
        self._written_s = now_s
        self._write(Status.RUNNING)
        return self._registry.is_stopped(self.state.id)

    def _write(self, status: Status) -> ReplayState:
        self.state = msgspec.structs.replace(
            self.state, status=status, told_ms=clock_ms()
        )
        self._registry.write(self.state)
        return self.state
