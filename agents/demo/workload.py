"""A day of a shop: audiences, orders, profiles, consents; repeats and late ones.

The truth about it is computed apart from the pipeline: nothing of `streams/` is
imported here, nor in what is imported from here.
"""

import random
from collections import Counter
from dataclasses import dataclass, replace

from agents.demo.audience_calls import flag, word
from agents.demo.happening import Happening, Moment
from agents.demo.people import email_of, is_customer, user_of
from agents.demo.shop_calls import browsed, consented, ordered, updated
from agents.demo.truth import Truth, truth

__all__ = ["Happening", "Shape", "Truth", "email_of", "publish", "truth"]

START_MS = 1_760_000_000_000
STEP_MS = 250

CHANGES_OPEN = (1 / 4, 2 / 3)
"""Until which part of the day a user consents for the first and the second time.

Nobody does a third time. Klaviyo gets ten seconds for each change of a user before it
is told of the next, and the demo waits for them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a workload looks like.

    Attributes:
        events: How many different events happen.
        users: To how many users.
        audiences: Into and out of these.
        repeated: Share published a second time.
        late: Share published after events that happened later.
        other: Share that has nothing to do with audiences.
        orders: Share of the others that are orders.
        consents: Share of the others that change a consent, where a user may.
    """

    events: int
    users: int
    audiences: tuple[str, ...]
    repeated: float = 0.2
    late: float = 0.1
    other: float = 0.2
    orders: float = 0.0
    consents: float = 0.0


def publish(shape: Shape, *, seed: int) -> list[Happening]:
    """Everything in the order in which it reaches Kafka."""
    chance = random.Random(seed)  # noqa: S311 - a workload, no secret
    day = _Day(shape, chance)
    placed = [
        replace(day.happening(number), place=number + _delay(shape, chance))
        for number in range(shape.events)
    ]
    repeats = [
        replace(one, place=one.place + chance.uniform(1, shape.events / 10))
        for one in placed
        if chance.random() < shape.repeated
    ]
    return sorted([*placed, *repeats], key=lambda one: one.place)


class _Day:
    """What happens, one after the other."""

    def __init__(self, shape: Shape, chance: random.Random) -> None:
        self._shape = shape
        self._chance = chance
        self._consents: Counter[str] = Counter()

    def happening(self, number: int) -> Happening:
        """The next event; two share each moment."""
        shape, chance = self._shape, self._chance
        moment = Moment(
            user=user_of(chance.randrange(shape.users)),
            time_ms=START_MS + number // 2 * STEP_MS,
            number=number,
        )
        if chance.random() < shape.other:
            return self._other(moment)
        audience = chance.choice(shape.audiences)
        entered = chance.random() < 0.55
        tell = flag if chance.random() < 0.3 else word
        return tell(moment, audience, entered=entered)

    def _other(self, moment: Moment) -> Happening:
        shape, chance = self._shape, self._chance
        kind = chance.random()
        if kind < shape.orders:
            return ordered(moment, chance)
        if kind < shape.orders + shape.consents:
            if not self._may_consent(moment):
                return browsed(moment, chance)
            self._consents[moment.user] += 1
            return consented(moment, chance, given=chance.random() < 0.6)
        does = updated if chance.random() < 0.5 else browsed
        return does(moment, chance)

    def _may_consent(self, moment: Moment) -> bool:
        said = self._consents[moment.user]
        if said == len(CHANGES_OPEN) or not is_customer(moment.user):
            return False
        return moment.number < CHANGES_OPEN[said] * self._shape.events


def _delay(shape: Shape, chance: random.Random) -> float:
    if chance.random() >= shape.late:
        return 0.0
    return chance.uniform(1, shape.events / 20)
