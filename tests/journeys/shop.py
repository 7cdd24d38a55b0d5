"""A shop's day: all that Klaviyo must hold after it, beside what it holds."""

from collections.abc import Iterable

from agents.demo.checks import (
    EQUAL,
    Check,
    consents_beside,
    events_beside,
    lists_beside,
    profiles_beside,
)
from agents.demo.people import customers
from agents.demo.workload import Shape, Truth, publish, truth
from streams.delivery.verdict import Verdict
from streams.events.origin import Origin
from tests.journeys.events import records
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo


def open_shop(klaviyo: Klaviyo, shape: Shape) -> None:
    """Let Klaviyo know the shop's customers."""
    klaviyo.ask("POST", "profiles", customers(shape.users))


def differences(klaviyo: Klaviyo, wanted: Truth) -> list[Check]:
    """Compare lists, profiles, events and consents; those that are not equal."""
    profiles = klaviyo.ask("GET", "profiles")
    events, consents = klaviyo.ask("GET", "events"), klaviyo.ask("GET", "consent")
    checks = (
        *lists_beside(wanted, klaviyo.lists()),
        profiles_beside(wanted, profiles),
        *events_beside(wanted, events, profiles),
        *consents_beside(wanted, consents, profiles),
    )
    return [check for check in checks if check.words != EQUAL]


class Day:
    """A day of which a part is published at a time, each judged with those before.

    Args:
        pipeline: Where it is published.
        shape: Of the whole day.
        seed: Of all chance in it.
    """

    def __init__(self, pipeline: Pipeline, shape: Shape, *, seed: int) -> None:
        self.pipeline = pipeline
        self._shape = shape
        self._published = publish(shape, seed=seed)
        self._told = 0
        open_shop(pipeline.klaviyo, shape)

    def publish(self, count: int) -> list[Origin]:
        """Publish the next records; where they landed."""
        part = self._published[self._told : self._told + count]
        assert len(part) == count, "the day is over: make it longer"
        self._told += count
        return self.pipeline.publish(records(part))

    def publish_again(self) -> list[Origin]:
        """Publish all records so far a second time; where they landed."""
        return self.pipeline.publish(records(self._published[: self._told]))

    def wrong(self) -> list[str]:
        """What Klaviyo holds otherwise than all that was published says, in words."""
        wanted = truth(self._published[: self._told], self._shape.audiences)
        return [
            f"{one.kind} {one.name}: {one.missing} missing, {one.unexpected} "
            f"unexpected, {one.wrong} wrong"
            for one in differences(self.pipeline.klaviyo, wanted)
        ]


def dead(pipeline: Pipeline, origins: Iterable[Origin]) -> dict[Origin, str]:
    """Which of these source records ended as dead letters, and why."""
    return {
        origin: told.item.reason
        for origin in origins
        for told in pipeline.outcomes.of[origin]
        if told.item.verdict is Verdict.DEAD_LETTER
    }
