"""Avro of a real registry, from a source topic to profiles in Klaviyo."""

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.journeys.harness import Pipeline, Record
from tests.journeys.test_examples import held
from tests.registry.frames import avro, frame, register
from tests.registry.front import RegistryFront
from tests.structure.source import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EXAMPLE = ROOT / "deploy" / "examples" / "avro-registry"
SCHEMA: dict[str, Any] = orjson.loads((EXAMPLE / "person.avsc").read_bytes())

STOP_MAX_S = 20
"""Far below the time for which work in progress may delay a rebalance (36 s)."""


def _destination(directory: Path, *, topic: str, url: str) -> Path:
    """Return the example's file with this test's topic and registry."""
    text = (EXAMPLE / "destination.yaml").read_text()
    path = directory / "destination.yaml"
    path.write_text(
        text.replace("topic: people", f"topic: {topic}").replace(
            "http://registry:8081", url
        )
    )
    return path


def _records(schema_id: int, schema: dict[str, Any], *people: Any) -> list[Record]:  # noqa: ANN401 - JSON
    return [
        (person["id"], frame(schema_id, avro(_plain(schema), person)))
        for person in people
    ]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with dates as the numbers that the example has."""
    fields = [{**field} for field in schema["fields"]]
    fields[3]["type"] = "int"
    return {**schema, "fields": fields}


def test_the_example_ends_as_its_expected_file_says(
    pipeline: Pipeline,
    registry_front: RegistryFront,
    registry_url: str,
    tmp_path: Path,
) -> None:
    """A registry that goes away holds a new schema back, and no stop of the worker."""
    people = [
        orjson.loads(line)
        for line in (EXAMPLE / "people.jsonl").read_bytes().splitlines()
    ]
    expected = orjson.loads((EXAMPLE / "profiles.json").read_bytes())
    first = register(registry_url, "journey-value", SCHEMA)
    newer = {**SCHEMA, "doc": "a later version"}
    second = register(registry_url, "journey-newer-value", newer)
    path = _destination(tmp_path, topic=pipeline.source, url=registry_front.url)

    pipeline.run(destination=path)
    pipeline.await_quiet(pipeline.publish(_records(first, SCHEMA, people[0])))
    registry_front.stop()
    waiting = pipeline.publish(_records(second, newer, *people[1:]))
    worker = pipeline.workers["w0"]
    pipeline.until(lambda: bool(worker.events("registry_away")))
    began_s = time.monotonic()
    worker.stop()
    assert worker.ended() == 0
    assert time.monotonic() - began_s < STOP_MAX_S
    registry_front.start()
    pipeline.start("w0")
    pipeline.await_quiet(waiting)

    assert held(pipeline.klaviyo, expected) == expected
