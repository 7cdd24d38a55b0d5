"""Examples under `deploy/examples`, from a source topic to what Klaviyo holds."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.examples.test_examples import EXAMPLES, IDS, input_file
from tests.journeys.harness import Pipeline
from tests.journeys.klaviyo import Klaviyo

SOURCE_TOPIC = re.compile(r"(?m)^( +topic: )\S+$")

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


def with_topic(file: Path, topic: str, folder: Path) -> Path:
    """Return a copy of a destination file whose sources read the pipeline's topic."""
    copy = folder / file.name
    copy.write_text(SOURCE_TOPIC.sub(rf"\g<1>{topic}", file.read_text()))
    return copy


def records_of(example: Path) -> list[tuple[str, bytes]]:
    """Return the keys and values of an example's records."""
    lines = input_file(example).read_bytes().splitlines()
    objects = [orjson.loads(line) for line in lines]
    if input_file(example).name == "records.jsonl":
        return [(record["key"], record["value"].encode()) for record in objects]
    return [(e["userId"], line) for e, line in zip(objects, lines, strict=True)]


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_an_example_ends_as_its_expected_file_says(
    pipeline: Pipeline, example: Path, tmp_path: Path
) -> None:
    """A worker with the example's destination leaves the expected state in Klaviyo."""
    files = [*example.glob("destination.yaml"), *example.glob("subscriptions.json")]
    settings: dict[str, Any] = {}
    if files:
        settings["destination"] = with_topic(files[0], pipeline.source, tmp_path)
    expected = orjson.loads((example / "expected.json").read_bytes())

    pipeline.run(**settings)
    pipeline.await_quiet(pipeline.publish(records_of(example)))

    assert held(pipeline.klaviyo, expected) == expected
