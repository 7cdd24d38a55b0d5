"""All cases of the source formats, and the destination file that each one needs."""

from typing import Any

import orjson

from streams.destination.loader import compile_destination
from streams.destination.model import Destination
from streams.destination.problems import ConfigProblems
from streams.destination.sources import read_sources
from streams.events.canonical_event import Origin
from streams.events.formats.source_record import SourceRecord
from streams.events.sources import Source
from tests.cases.sources import (
    auto,
    canal,
    cloudevents,
    connect_jdbc,
    json_schema,
    maxwell,
    rudderstack,
)
from tests.cases.sources.case import Bad, Good, encoded

NOW_MS = 1_772_359_200_000  # 2026-03-01T10:00Z: the clock of every case
TOPIC = "t.source"

OPTIONS: dict[str, dict[str, Any]] = {
    "rudderstack": {"format": "rudderstack"},
    "cloudevents": {"format": "cloudevents"},
    "maxwell": maxwell.TOOL,
    "canal": canal.TOOL,
    "connect-jdbc": connect_jdbc.TOOL,
    "auto": auto.OPTIONS,
    "json-schema": json_schema.OPTIONS,
}
GOOD: dict[str, tuple[Good, ...]] = {
    "rudderstack": rudderstack.GOOD,
    "cloudevents": cloudevents.GOOD,
    "maxwell": maxwell.GOOD,
    "canal": canal.GOOD,
    "connect-jdbc": connect_jdbc.GOOD,
}
BAD: dict[str, tuple[Bad, ...]] = {
    "rudderstack": rudderstack.BAD,
    "cloudevents": cloudevents.BAD,
    "maxwell": maxwell.BAD,
    "canal": canal.BAD,
    "connect-jdbc": connect_jdbc.BAD,
    "auto": auto.BAD,
    "json-schema": json_schema.BAD,
}


def destination_of(name: str, case: Good | Bad) -> Destination:
    """Compile the destination file of a case; its only source is named `s`."""
    options = {"topic": TOPIC, **OPTIONS[name], **case.options}
    return compile_destination({"sources": {"s": options}})


def source_of(name: str, case: Good | Bad) -> Source:
    """Return the source of a case, without the mappings that take time to compile."""
    options = {"topic": TOPIC, **OPTIONS[name], **case.options}
    [source] = read_sources({"s": options}, problems=ConfigProblems())
    return source


def source_record(case: Good | Bad) -> SourceRecord:
    """Return a case as the record at offset 7 of the source topic."""
    return SourceRecord(
        origin=Origin(topic=TOPIC, partition=0, offset=7),
        time_ms=NOW_MS,
        key=encoded(case.key),
        value=encoded(case.value),
        headers=dict(case.headers),
    )


def has_members(actual: Any, expected: Any) -> bool:  # noqa: ANN401 - any JSON
    """Return True if all expected members are there; an expected None may be absent."""
    if not (isinstance(actual, dict) and isinstance(expected, dict)):
        return bool(actual == expected)
    return all(has_members(actual.get(n), value) for n, value in expected.items())


def bodies(values: list[bytes]) -> list[Any]:
    """Return the decoded events."""
    return [orjson.loads(value) for value in values]
