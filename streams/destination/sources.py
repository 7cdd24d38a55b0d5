"""Reading of the part `sources` of the destination file."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from streams.destination.mapping_rules import compile_fields
from streams.destination.problems import ConfigProblems
from streams.errors import describe_unknown_name
from streams.events.columns.declared import DECIMAL, DECLARED_TYPES, declared_type
from streams.events.columns.decoders import Decoder
from streams.events.sources import (
    RowTool,
    SnapshotPolicy,
    Source,
    SourceFormat,
    TombstonePolicy,
    TruncatePolicy,
    WireFormat,
)
from streams.mapping.values import Json

SOURCE_FIELDS: Final = (
    "topic",
    "topics",
    "format",
    "wire_format",
    "tool",
    "model",
    "key",
    "user_id",
    "email",
    "audience",
    "types",
    "on_snapshot",
    "on_truncate",
    "on_tombstone",
    "event",
)

MAPPED_FORMATS: Final = (SourceFormat.CUSTOM, SourceFormat.CLOUDEVENTS)
"""Formats whose values a source may map to events."""


def read_sources(raw: Json, *, problems: ConfigProblems) -> tuple[Source, ...]:
    """Read all sources; those with problems are left out.

    Args:
        raw: Object: the name of each source, and its options.
        problems: Collects the problems.
    """
    sources = [
        _read_source(name, options, problems=problems)
        for name, options in problems.object_at(raw, at="sources").items()
    ]
    counts = Counter(topic for source in sources for topic in source.topics)
    for topic, count in counts.items():
        if count > 1:
            problems.add("sources", f"topic {topic} occurs {count} times; name it once")
    return tuple(sources)


def source_topics(raw: Json) -> list[str]:
    """Return the topics of all sources, without any check."""
    options = raw.values() if isinstance(raw, dict) else ()
    return list(dict.fromkeys(topic for each in options for topic in _topics_in(each)))


def _topics_in(options: Json) -> Iterator[str]:
    if not isinstance(options, dict):
        return
    topics = options.get("topics")
    for topic in (options.get("topic"), *(topics if isinstance(topics, list) else ())):
        if isinstance(topic, str) and topic:
            yield topic


def _read_source(name: str, raw: Json, *, problems: ConfigProblems) -> Source:
    at = f"sources.{name}"
    options = problems.object_at(raw, at=at)
    problems.add_unknown_names(
        options, SOURCE_FIELDS, at=f"{at}.", what="part of a source"
    )
    event = options.get("event")
    problems.text_at(options.get("topic"), at=f"{at}.topic")
    problems.texts_at(options.get("topics"), at=f"{at}.topics")
    topics = tuple(dict.fromkeys(_topics_in(options)))
    if not topics:
        problems.add(f"{at}.topic", "is missing: name the topic to read")
    texts = {
        field: problems.text_at(options.get(field), at=f"{at}.{field}")
        for field in ("model", "user_id", "email", "audience")
    }
    return Source(
        name=name,
        topics=topics,
        format=_read_format(options, at=at, problems=problems),
        wire_format=problems.choice_at(
            options.get("wire_format"),
            at=f"{at}.wire_format",
            default=WireFormat.JSON,
        ),
        tool=problems.choice_at(
            options.get("tool"), at=f"{at}.tool", default=RowTool.CONNECT_JDBC
        ),
        key=_read_key(options.get("key"), at=f"{at}.key", problems=problems),
        types=_read_types(options.get("types"), at=f"{at}.types", problems=problems),
        on_snapshot=problems.choice_at(
            options.get("on_snapshot"),
            at=f"{at}.on_snapshot",
            default=SnapshotPolicy.BACKFILL,
        ),
        on_truncate=problems.choice_at(
            options.get("on_truncate"),
            at=f"{at}.on_truncate",
            default=TruncatePolicy.SKIP,
        ),
        on_tombstone=problems.choice_at(
            options.get("on_tombstone"),
            at=f"{at}.on_tombstone",
            default=TombstonePolicy.SKIP,
        ),
        to_event=None
        if event is None
        else compile_fields(event, at=f"{at}.event", problems=problems),
        **texts,
    )


def _read_format(
    options: dict[str, Json], *, at: str, problems: ConfigProblems
) -> SourceFormat:
    source_format = problems.choice_at(
        options.get("format"), at=f"{at}.format", default=SourceFormat.SEGMENT
    )
    is_custom, has_event = source_format is SourceFormat.CUSTOM, "event" in options
    if is_custom and not has_event:
        problems.add(f"{at}.event", "is missing: custom needs a mapping to an event")
    if has_event and source_format not in MAPPED_FORMATS:
        choices = " and ".join(MAPPED_FORMATS)
        problems.add(
            f"{at}.event", f"has no meaning with {source_format}, only with {choices}"
        )
    return source_format


def _read_key(raw: Json, *, at: str, problems: ConfigProblems) -> tuple[str, ...]:
    columns = [raw] if isinstance(raw, str) else raw
    return problems.texts_at(columns, at=at)


def _read_types(raw: Json, *, at: str, problems: ConfigProblems) -> dict[str, Decoder]:
    types: dict[str, Decoder] = {}
    for column, name in problems.object_at(raw, at=at).items():
        type_name = problems.text_at(name, at=f"{at}.{column}")
        if decoder := declared_type(type_name):
            types[column] = decoder
        elif type_name:
            names = [*DECLARED_TYPES, DECIMAL]
            problem = describe_unknown_name(type_name, names, what="type")
            problems.add(f"{at}.{column}", f"{type_name} {problem}")
    return types
