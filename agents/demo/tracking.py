"""Publishing and waiting: until every source record has all its outcomes."""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing

from agents.demo.environment import Environment
from agents.demo.errors import DemoError
from agents.demo.kafka_traffic import EventPublisher, OutcomeConsumer, OutcomeCounts
from agents.demo.progress import DemoProgress, ProgressDisplay
from agents.demo.workload.sample_event import SampleEvent
from streams.events.origin import Origin

PUBLISH_S = 10.0
"""All is published within this, so that the worker is seen at work ..."""

RATE_MIN_PER_S = 700.0
"""... and a small demo is a short one."""

READ_S = 0.1
LOOK_S = 0.5
RATE_OVER_S = 3.0
EXAMPLES = 3


def publish_and_wait(
    events: Sequence[SampleEvent],
    stage: Environment,
    display: ProgressDisplay,
    *,
    limit_s: float,
) -> OutcomeCounts:
    """Publish events and wait for their outcomes.

    Args:
        events: In the order of publication.
        stage: Where.
        display: Shows how far it is.
        limit_s: Not longer than until then, by the monotonic clock.

    Raises:
        DemoError: It takes longer, or a process has ended.
    """
    with closing(OutcomeConsumer(stage.settings)) as outcomes, display:
        watch = _Watch(stage, events, outcomes)
        while not watch.done:
            watch.step()
            display.show(watch.snapshot())
            if time.monotonic() > limit_s:
                raise DemoError(watch.lacking())
        return outcomes.count_by_kind()


class _Watch:
    def __init__(
        self,
        stage: Environment,
        events: Sequence[SampleEvent],
        outcomes: OutcomeConsumer,
    ) -> None:
        rate_per_s = max(RATE_MIN_PER_S, len(events) / PUBLISH_S)
        self._publisher = EventPublisher(stage.settings, events, rate_per_s=rate_per_s)
        self._stage = stage
        self._outcomes = outcomes
        self._total = len(events)
        self._start_s = time.monotonic()
        self._marks = deque([(0.0, 0)])
        self._looked_s = -LOOK_S
        self._sizes: dict[str, int] = {}
        self._open: list[Origin] = []

    @property
    def done(self) -> bool:
        """Whether all is published and settled."""
        return self._publisher.published == self._total and not self._open

    def step(self) -> None:
        """Publish what is due, read what is there, look after the processes."""
        self._publisher.publish_due(elapsed_s=self._elapsed_s())
        self._outcomes.read(wait_s=READ_S)
        self._open = self._unsettled()
        self._stage.check()
        if self.done or self._elapsed_s() - self._looked_s >= LOOK_S:
            self._looked_s = self._elapsed_s()
            self._sizes = self._stage.list_sizes()

    def snapshot(self) -> DemoProgress:
        """How far it is."""
        return DemoProgress(
            elapsed_s=self._elapsed_s(),
            total=self._total,
            published=self._publisher.published,
            settled=self._settled,
            rate_per_s=self._rate_per_s(),
            list_sizes=self._sizes,
        )

    def lacking(self) -> str:
        """What is missing, in words."""
        named = ", ".join(map(str, sorted(self._open)[:EXAMPLES]))
        return (
            f"not done after {self._elapsed_s():.0f} s: "
            f"{self._publisher.published} of {self._total} events published, "
            f"{len(self._open)} without their outcomes"
            + (f" ({named} ...)" if named else "")
        )

    @property
    def _settled(self) -> int:
        return self._publisher.published - len(self._open)

    def _unsettled(self) -> list[Origin]:
        """Published, and not everything that had to be done for it is done."""
        had = self._outcomes.outcome_counts
        due = self._publisher.expected_outcomes.items()
        return [origin for origin, outcomes in due if had[origin] < outcomes]

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def _rate_per_s(self) -> float:
        now_s, settled = self._elapsed_s(), self._settled
        self._marks.append((now_s, settled))
        while now_s - self._marks[0][0] > RATE_OVER_S:
            self._marks.popleft()
        then_s, before = self._marks[0]
        return (settled - before) / max(now_s - then_s, READ_S)
