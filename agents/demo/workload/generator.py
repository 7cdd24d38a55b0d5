"""A day of a shop: audiences, orders, profiles, consents; repeats and late ones.

The truth about it is computed apart from the pipeline: nothing of `streams/` is
imported here, nor in what is imported from here.
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
"""Until which part of the day a user consents for the first and the second time.

Nobody does a third time. Klaviyo gets ten seconds for each change of a user before it
is told of the next, and the demo waits for them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShape:
    """What a workload looks like.

    Attributes:
        events: How many different events happen.
        users: To how many users.
        audiences: Into and out of these.
        duplicated: Share published a second time.
        late: Share published after events that happened later.
        other: Share that has nothing to do with audiences.
        orders: Share of the others that are orders.
        consents: Share of the others that change a consent, where a user may.
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
    """Everything in the order in which it reaches Kafka."""
    chance = random.Random(seed)  # noqa: S311 - a workload, no secret
    generator = _EventGenerator(shape, chance)
    first_events = [
        replace(
            generator.generate_event(number),
            publish_order=number + _delay(shape, chance),
        )
        for number in range(shape.events)
    ]
    duplicates = [
        replace(
            one, publish_order=one.publish_order + chance.uniform(1, shape.events / 10)
        )
        for one in first_events
        if chance.random() < shape.duplicated
    ]
    return sorted([*first_events, *duplicates], key=lambda one: one.publish_order)


class _EventGenerator:
    """What happens, one after the other."""

    def __init__(self, shape: WorkloadShape, chance: random.Random) -> None:
        self._shape = shape
        self._chance = chance
        self._consents: Counter[str] = Counter()

    def generate_event(self, number: int) -> SampleEvent:
        """The next event; two share each moment."""
        shape, chance = self._shape, self._chance
        moment = Occurrence(
            user=user_of(chance.randrange(shape.users)),
            time_ms=START_MS + number // 2 * STEP_MS,
            number=number,
        )
        if chance.random() < shape.other:
            return self._other(moment)
        audience = chance.choice(shape.audiences)
        entered = chance.random() < 0.55
        build_event = audience_trait if chance.random() < 0.3 else audience_track
        return build_event(moment, audience, entered=entered)

    def _other(self, moment: Occurrence) -> SampleEvent:
        shape, chance = self._shape, self._chance
        kind = chance.random()
        if kind < shape.orders:
            return order(moment, chance)
        if kind < shape.orders + shape.consents:
            if not self._may_consent(moment):
                return browse(moment, chance)
            self._consents[moment.user] += 1
            return change_consent(moment, chance, subscribes=chance.random() < 0.6)
        build_event = update_profile if chance.random() < 0.5 else browse
        return build_event(moment, chance)

    def _may_consent(self, moment: Occurrence) -> bool:
        consent_changes = self._consents[moment.user]
        if consent_changes == len(CHANGES_OPEN) or not is_customer(moment.user):
            return False
        return moment.number < CHANGES_OPEN[consent_changes] * self._shape.events


def _delay(shape: WorkloadShape, chance: random.Random) -> float:
    if chance.random() >= shape.late:
        return 0.0
    return chance.uniform(1, shape.events / 20)
