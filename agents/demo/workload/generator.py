"""Generator of a shop's day, including duplicates and late events.

The expected state is computed independently of the pipeline: neither this module nor
the modules imported here import anything from `streams/`.
"""

import random
from collections import Counter
from dataclasses import dataclass, replace

from agents.demo.expected import ExpectedState, compute_expected
from agents.demo.workload.audience_events import audience_track, audience_trait
from agents.demo.workload.sample_event import Occurrence, SampleEvent
from agents.demo.workload.shop_events import (
    browse,
    change_consent,
    order,
    update_profile,
)
from agents.demo.workload.users import email_of, is_customer, user_of

__all__ = [
    "ExpectedState",
    "SampleEvent",
    "WorkloadShape",
    "compute_expected",
    "email_of",
    "generate",
]

START_MS = 1_760_000_000_000
STEP_MS = 250

CHANGES_OPEN = (1 / 4, 2 / 3)
"""Part of the day until which a user makes the first and the second consent change.

There is no third change: consent changes of a user wait ten seconds for each other, and
the demo waits for all of them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShape:
    """Size and composition of a workload.

    Attributes:
        events: Number of different events.
        users: Number of users.
        audiences: Audiences that users enter and exit.
        duplicated: Share of events that are published a second time.
        late: Share of events that are published after newer events.
        other: Share of events without an audience.
        orders: Share of orders among the events without an audience.
        consents: Share of consent changes among them, if the user may change.
    """

    events: int
    users: int
    audiences: tuple[str, ...]
    duplicated: float = 0.2
    late: float = 0.1
    other: float = 0.2
    orders: float = 0.0
    consents: float = 0.0


def generate(shape: WorkloadShape, *, seed: int) -> list[SampleEvent]:
    """Generate all events in order of publication."""
    rng = random.Random(seed)  # noqa: S311 - a workload, not a secret
    generator = _EventGenerator(shape, rng)
    first_events = [
        replace(
            generator.generate_event(number),
            publish_order=number + _delay(shape, rng),
        )
        for number in range(shape.events)
    ]
    duplicates = [
        replace(
            event, publish_order=event.publish_order + rng.uniform(1, shape.events / 10)
        )
        for event in first_events
        if rng.random() < shape.duplicated
    ]
    return sorted([*first_events, *duplicates], key=lambda event: event.publish_order)


class _EventGenerator:
    """Source of random events in order of time."""

    def __init__(self, shape: WorkloadShape, rng: random.Random) -> None:
        self._shape = shape
        self._rng = rng
        self._consents: Counter[str] = Counter()

    def generate_event(self, number: int) -> SampleEvent:
        """Generate the next event; two events share each time."""
        shape, rng = self._shape, self._rng
        moment = Occurrence(
            user=user_of(rng.randrange(shape.users)),
            time_ms=START_MS + number // 2 * STEP_MS,
            number=number,
        )
        if rng.random() < shape.other:
            return self._other(moment)
        audience = rng.choice(shape.audiences)
        entered = rng.random() < 0.55
        build_event = audience_trait if rng.random() < 0.3 else audience_track
        return build_event(moment, audience, entered=entered)

    def _other(self, moment: Occurrence) -> SampleEvent:
        shape, rng = self._shape, self._rng
        kind = rng.random()
        if kind < shape.orders:
            return order(moment, rng)
        if kind < shape.orders + shape.consents:
            if not self._may_consent(moment):
                return browse(moment, rng)
            self._consents[moment.user] += 1
            return change_consent(moment, rng, subscribes=rng.random() < 0.6)
        build_event = update_profile if rng.random() < 0.5 else browse
        return build_event(moment, rng)

    def _may_consent(self, moment: Occurrence) -> bool:
        consent_changes = self._consents[moment.user]
        if consent_changes == len(CHANGES_OPEN) or not is_customer(moment.user):
            return False
        return moment.number < CHANGES_OPEN[consent_changes] * self._shape.events


def _delay(shape: WorkloadShape, rng: random.Random) -> float:
    if rng.random() >= shape.late:
        return 0.0
    return rng.uniform(1, shape.events / 20)
