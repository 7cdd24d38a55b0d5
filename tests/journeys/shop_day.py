"""A shop's day: all that Klaviyo must hold after it, beside what it holds."""

from collections.abc import Iterable

from agents.demo.comparison import (
    EQUAL,
    ComparisonRow,
    compare_consents,
    compare_events,
    compare_lists,
    compare_profiles,
)
from agents.demo.workload.generator import (
    ExpectedState,
    WorkloadShape,
    compute_expected,
    generate,
)
from agents.demo.workload.users import customer_profiles
from streams.delivery.verdict import Verdict
from streams.events.canonical_event import Origin
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import records


def open_shop(klaviyo: Klaviyo, shape: WorkloadShape) -> None:
    """Create the shop's customers in Klaviyo."""
    klaviyo.ask("POST", "profiles", customer_profiles(shape.users))


def differences(klaviyo: Klaviyo, wanted: ExpectedState) -> list[ComparisonRow]:
    """Compare lists, profiles, events and consents; those that are not equal."""
    profiles = klaviyo.ask("GET", "profiles")
    events, consents = klaviyo.ask("GET", "events"), klaviyo.ask("GET", "consent")
    checks = (
        *compare_lists(wanted, klaviyo.lists()),
        compare_profiles(wanted, profiles),
        *compare_events(wanted, events, profiles),
        *compare_consents(wanted, consents, profiles),
    )
    return [check for check in checks if check.verdict != EQUAL]


class ShopDay:
    """A day of which a part is published at a time, each judged with those before.

    Args:
        pipeline: Where it is published.
        shape: Of the whole day.
        seed: Of all chance in it.
    """

    def __init__(self, pipeline: Pipeline, shape: WorkloadShape, *, seed: int) -> None:
        self.pipeline = pipeline
        self._shape = shape
        self._published = generate(shape, seed=seed)
        self._published_count = 0
        open_shop(pipeline.klaviyo, shape)

    def publish(self, count: int) -> list[Origin]:
        """Publish the next records; where they landed."""
        part = self._published[self._published_count : self._published_count + count]
        assert len(part) == count, "the day is over: make it longer"
        self._published_count += count
        return self.pipeline.publish(records(part))

    def publish_again(self) -> list[Origin]:
        """Publish all records so far a second time; where they landed."""
        return self.pipeline.publish(records(self._published[: self._published_count]))

    def wrong(self) -> list[str]:
        """Describe the differences between Klaviyo and the published events."""
        wanted = compute_expected(
            self._published[: self._published_count], self._shape.audiences
        )
        return [
            f"{one.kind} {one.name}: {one.missing} missing, {one.unexpected} "
            f"unexpected, {one.wrong} wrong"
            for one in differences(self.pipeline.klaviyo, wanted)
        ]


def dead_letter_reasons(
    pipeline: Pipeline, origins: Iterable[Origin]
) -> dict[Origin, str]:
    """Which of these source records ended as dead letters, and why."""
    return {
        origin: outcome.item.reason
        for origin in origins
        for outcome in pipeline.outcomes.of[origin]
        if outcome.item.verdict is Verdict.DEAD_LETTER
    }
