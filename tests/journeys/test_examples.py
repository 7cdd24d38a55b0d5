"""Examples under `deploy/examples`, from a source topic to what Klaviyo holds."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.examples.test_examples import EXAMPLES, IDS
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def held(klaviyo: Klaviyo, expected: dict[str, Any]) -> dict[str, Any]:
    """Return what a sandbox holds, as far as `expected` names it."""
    parts: dict[str, Any] = {}
    if "lists" in expected:
        parts["lists"] = klaviyo.members()
    if "profiles" in expected:
        profiles = klaviyo.ask("GET", "profiles")
        parts["profiles"] = {row["email"]: row["first_name"] for row in profiles}
    if "events" in expected:
        metrics = [event["metric"] for event in klaviyo.ask("GET", "events")]
        parts["events"] = {metric: metrics.count(metric) for metric in metrics}
    if "consent" in expected:
        parts["consent"] = {
            row["email"]: row["consents"]["email/marketing"]["status"]
            for row in klaviyo.ask("GET", "consent")
        }
    return parts


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_an_example_ends_as_its_expected_file_says(
    pipeline: Pipeline, example: Path
) -> None:
    """A worker with the example's destination leaves the expected state in Klaviyo."""
    files = [*example.glob("destination.yaml"), *example.glob("subscriptions.json")]
    settings: dict[str, Any] = {"destination": files[0]} if files else {}
    expected = orjson.loads((example / "expected.json").read_bytes())
    events = (example / "events.jsonl").read_bytes().splitlines()

    pipeline.run(**settings)
    pipeline.await_quiet(
        pipeline.publish([(orjson.loads(event)["userId"], event) for event in events])
    )

    assert held(pipeline.klaviyo, expected) == expected
