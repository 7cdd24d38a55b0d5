"""Sources of the destination file: what is read, and every problem with its path."""

from typing import Any

import pytest

from streams.destination.loader import compile_destination, read_file_sources
from streams.errors import ConfigError
from streams.events.sources import SnapshotPolicy, SourceFormat, converted_topics


def _problems(sources: Any) -> list[str]:  # noqa: ANN401 - any JSON
    with pytest.raises(ConfigError) as caught:
        compile_destination({"sources": sources})
    return list(caught.value.problems)


def test_a_source_needs_a_topic_alone() -> None:
    """Then its records are Segment JSON, as those of `source_topics`."""
    destination = compile_destination({"sources": {"web": {"topic": "web-events"}}})

    [source] = destination.sources
    assert source.format is SourceFormat.SEGMENT
    assert source.on_snapshot is SnapshotPolicy.BACKFILL
    assert converted_topics(destination.sources) == {}


def test_topics_of_sources_are_read_beside_source_topics() -> None:
    """The worker's setting names all of them, each once."""
    destination = compile_destination(
        {
            "settings": {"source_topics": ["b", "c"]},
            "sources": {"one": {"topics": ["a", "b"], "format": "rows"}},
        }
    )

    assert destination.settings["source_topics"] == ["a", "b", "c"]


def _framed(**registry: object) -> dict[str, Any]:
    """Return a source in Avro with a registry."""
    options = {"url": "http://registry:8081", **registry}
    return {"s": {"topic": "t", "wire_format": "avro", "registry": options}}


PROBLEMS = [
    pytest.param(
        {"s": {"topic": "t", "wire_format": "avro"}},
        "sources.s.registry: is missing",
        id="no-registry",
    ),
    pytest.param(
        {"s": {"topic": "t", "key_wire_format": "protobuf"}},
        "sources.s.registry: is missing",
        id="no-registry-for-keys",
    ),
    pytest.param(_framed(url=None), "sources.s.registry.url", id="no-url"),
    pytest.param(_framed(url="registry:8081"), "is not an address", id="no-scheme"),
    pytest.param(
        _framed(url="http://u:p@registry"), "holds a secret", id="user-in-url"
    ),
    pytest.param(
        _framed(password="x"),  # noqa: S106 - what must be refused
        "name its variable in password_env",
        id="password",
    ),
    pytest.param(_framed(timeout_s=61), "sources.s.registry.timeout_s", id="timeout"),
    pytest.param(_framed(user_env="U"), "did you mean username_env?", id="part"),
    pytest.param(
        {"s": {"topic": "t", "framing": "none"}}, "sources.s.framing", id="framing"
    ),
    pytest.param({"s": {}}, "sources.s.topic: is missing", id="no-topic"),
    pytest.param({"s": {"topic": 7}}, "sources.s.topic: is not text", id="number"),
    pytest.param(
        {"s": {"topic": "t", "format": "csv"}}, "sources.s.format", id="format"
    ),
    pytest.param({"s": {"topic": "t", "formt": "rows"}}, "formt", id="misspelled"),
    pytest.param({"s": ["t"]}, "sources.s: is not an object", id="list"),
    pytest.param(
        {"a": {"topic": "t"}, "b": {"topic": "t"}}, "topic t occurs 2", id="twice"
    ),
    pytest.param(
        {"s": {"topic": "t", "format": "custom"}}, "sources.s.event", id="no-event"
    ),
    pytest.param(
        {"s": {"topic": "t", "event": {"type": "track"}}},
        "sources.s.event: has no meaning",
        id="event-of-segment",
    ),
    pytest.param(
        {"s": {"topic": "t", "format": "custom", "event": {"a": {"@nope": 1}}}},
        "sources.s.event",
        id="directive",
    ),
    pytest.param(
        {"s": {"topic": "t", "types": {"ltv": "decimal"}}},
        "sources.s.types.ltv: decimal is not a known type; did you mean decimal(2)?",
        id="decimal-without-a-scale",
    ),
    pytest.param(
        {"s": {"topic": "t", "types": {"born": 7}}}, "sources.s.types.born", id="type"
    ),
    pytest.param(
        {"s": {"topic": "t", "on_tombstone": "keep"}}, "on_tombstone", id="tombstone"
    ),
    pytest.param({"s": {"topic": "t", "key": {}}}, "sources.s.key", id="key"),
]


@pytest.mark.parametrize(("sources", "problem"), PROBLEMS)
def test_problems_are_named_with_their_path(sources: Any, problem: str) -> None:  # noqa: ANN401 - any JSON
    """`check` prints each of them."""
    assert any(problem in line for line in _problems(sources))


def test_commands_read_sources_without_mappings() -> None:
    """A wrong mapping stops no operator's command; a wrong source does."""
    text = "mappings: [{action: nope}]\nsources: {a: {topic: t, format: rows}}"

    assert [source.name for source in read_file_sources(text)] == ["a"]
    with pytest.raises(ConfigError):
        read_file_sources("sources: {a: {}}")
