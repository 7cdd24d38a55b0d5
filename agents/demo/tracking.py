"""Publishing of events, and waiting for the outcomes."""

import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing

from agents.demo.environment import Environment
from agents.demo.kafka_traffic import EventPublisher, OutcomeConsumer, OutcomeCounts
from agents.demo.progress import DemoProgress, ProgressDisplay
from agents.demo.subprocesses import DemoError
from agents.demo.workload.sample_event import SampleEvent
from streams.events.canonical_event import Origin

PUBLISH_S = 10.0
"""Time for all events: long enough to watch the worker ..."""

RATE_MIN_PER_S = 700.0
"""... and a small demo is faster than that."""

READ_WAIT_S = 0.1
SIZES_INTERVAL_S = 0.5
RATE_WINDOW_S = 3.0
EXAMPLES = 3


def publish_and_wait(
    events: Sequence[SampleEvent],
    environment: Environment,
    display: ProgressDisplay,
    *,
    limit_s: float,
) -> OutcomeCounts:
    """Publish events and wait for all outcomes.

    Args:
        events: Events in the order of publication.
        environment: The running demo.
        display: Display for the progress.
        limit_s: Deadline on the monotonic clock.

    Raises:
        DemoError: The deadline has passed, or a process has exited.
    """
    with closing(OutcomeConsumer(environment.settings)) as outcomes, display:
        tracker = _Tracker(environment, events, outcomes)
        while not tracker.done:
            tracker.step()
            display.show(tracker.snapshot())
            if time.monotonic() > limit_s:
                raise DemoError(tracker.describe_missing())
        return outcomes.count_by_kind()


class _Tracker:
    def __init__(
        self,
        environment: Environment,
        events: Sequence[SampleEvent],
        outcomes: OutcomeConsumer,
    ) -> None:
        rate_per_s = max(RATE_MIN_PER_S, len(events) / PUBLISH_S)
        self._publisher = EventPublisher(
            environment.settings, events, rate_per_s=rate_per_s
        )
        self._environment = environment
        self._outcomes = outcomes
        self._total = len(events)
        self._start_s = time.monotonic()
        self._marks = deque([(0.0, 0)])
        self._sizes_read_s = -SIZES_INTERVAL_S
        self._sizes: dict[str, int] = {}
        self._missing: list[Origin] = []

    @property
    def done(self) -> bool:
        """True if all events are published and no outcome is missing."""
        return self._publisher.published == self._total and not self._missing

    def step(self) -> None:
        """Publish due events, read outcomes, and check the processes."""
        self._publisher.publish_due(elapsed_s=self._elapsed_s())
        self._outcomes.read(wait_s=READ_WAIT_S)
        self._missing = self._unsettled()
        self._environment.check()
        if self.done or self._elapsed_s() - self._sizes_read_s >= SIZES_INTERVAL_S:
            self._sizes_read_s = self._elapsed_s()
            self._sizes = self._environment.list_sizes()

    def snapshot(self) -> DemoProgress:
        """Return the current progress."""
        return DemoProgress(
            elapsed_s=self._elapsed_s(),
            total=self._total,
            published=self._publisher.published,
            settled=self._settled,
            rate_per_s=self._rate_per_s(),
            list_sizes=self._sizes,
        )

    def describe_missing(self) -> str:
        """Describe the missing outcomes for an error message."""
        examples = ", ".join(map(str, sorted(self._missing)[:EXAMPLES]))
        return (
            f"not done after {self._elapsed_s():.0f} s: "
            f"{self._publisher.published} of {self._total} events published, "
            f"{len(self._missing)} without their outcomes"
            + (f" ({examples} ...)" if examples else "")
        )

    @property
    def _settled(self) -> int:
        return self._publisher.published - len(self._missing)

    def _unsettled(self) -> list[Origin]:
        """Return origins of published events with too few outcomes."""
        counts = self._outcomes.outcome_counts
        expected = self._publisher.expected_outcomes.items()
        return [origin for origin, count in expected if counts[origin] < count]

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._start_s

    def _rate_per_s(self) -> float:
        now_s, settled = self._elapsed_s(), self._settled
        self._marks.append((now_s, settled))
        while now_s - self._marks[0][0] > RATE_WINDOW_S:
            self._marks.popleft()
        then_s, before = self._marks[0]
        return (settled - before) / max(now_s - then_s, READ_WAIT_S)
