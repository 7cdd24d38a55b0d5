"""Source format `debezium`: 148 messages of real connectors."""

from collections import Counter
from typing import Any

import pytest

from streams.events.sources import Source
from tests.streams.events.formats.debezium_harness import (
    converted,
    debezium_source,
    recorded_messages,
    source_record,
)

MESSAGES = recorded_messages()

TYPES = {
    "credit": "decimal(2)",
    "born": "date",
    "seen_at": "timestamp-micros",
    "attrs": "json",
}
SOURCES: dict[str, Source] = {
    "bare": debezium_source(types=TYPES),
    "unwrapped": debezium_source(types=TYPES),
    "friendly": debezium_source(types={**TYPES, "credit": "number"}),
    "withschema": debezium_source(),
}


def _result(message: dict[str, Any]) -> dict[str, Any] | str:
    record = source_record(
        message["value"] and message["value"].encode(),
        key=message["key"] and message["key"].encode(),
        headers={name: value.encode() for name, value in message["headers"]},
        topic=message["topic"],
        offset=message["offset"],
    )
    return converted(record, SOURCES[message["name"].partition("-")[0]])


def test_all_samples_are_here() -> None:
    """Four connectors saw the same changes; five of each kind at most are kept."""
    connectors = Counter(message["name"].partition("-")[0] for message in MESSAGES)

    assert len(MESSAGES) == 148
    assert set(connectors) == set(SOURCES)


@pytest.mark.parametrize("message", MESSAGES, ids=[m["name"] for m in MESSAGES])
def test_a_recorded_message_becomes_its_event(message: dict[str, Any]) -> None:
    """Each message is the event of its change, or is skipped with its reason."""
    expected, result = message["expected"], _result(message)
    if "skipped" in expected:
        assert result == f"skipped: {expected['skipped']}"
        return

    assert isinstance(result, dict)
    assert result["event"] == expected["event"]
    assert result["__segment_id"] == expected["key"]
    assert result["timestamp"] == expected["timestamp"]
    assert result["properties"] == expected["properties"]
    assert result["context"]["row"] == {**expected["row"], "source": "people"}


def test_no_two_changes_have_the_same_message_id() -> None:
    """A connector's events differ in the position in the log, or in the key."""
    for connector in SOURCES:
        results = [_result(m) for m in MESSAGES if m["name"].startswith(connector)]
        ids = [result["messageId"] for result in results if isinstance(result, dict)]
        assert len(set(ids)) == len(ids)
