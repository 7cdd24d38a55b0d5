"""Reading of the part `sources` of the destination file."""

from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from streams.destination.mapping_rules import compile_fields
from streams.destination.problems import ConfigProblems
from streams.errors import describe_unknown_name
from streams.events.columns.declared import DECIMAL, DECLARED_TYPES, declared_type
from streams.events.columns.decoders import Decoder
from streams.events.sources import (
    Framing,
    KeyFormat,
    RowTool,
    SnapshotPolicy,
    Source,
    SourceFormat,
    TombstonePolicy,
    TruncatePolicy,
    WireFormat,
)
from streams.events.wire_formats.registry import (
    TIMEOUT_DEFAULT_S,
    TIMEOUT_MAX_S,
    UNKNOWN_SCHEMA_DEFAULT_S,
    UNKNOWN_SCHEMA_MAX_S,
    Registry,
)
from streams.mapping.values import Json

SOURCE_FIELDS: Final = (
    "topic",
    "topics",
    "format",
    "wire_format",
    "key_wire_format",
    "framing",
    "registry",
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
_REGISTRY_TEXTS: Final = (
    "username_env",
    "password_env",
    "username_file",
    "password_file",
    "bearer_token_env",
    "bearer_token_file",
    "logical_cluster",
    "ca_file",
    "cert_file",
    "key_file",
)
REGISTRY_FIELDS: Final = (
    "url",
    *_REGISTRY_TEXTS,
    "global_ids",
    "timeout_s",
    "unknown_schema_s",
)
_REGISTRY_SECRETS: Final = ("username", "password", "bearer_token")


def read_sources(raw: Json, *, problems: ConfigProblems) -> tuple[Source, ...]:
    """Read all sources; sources with problems are left out.

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
    source = Source(
        name=name,
        topics=topics,
        format=_read_format(options, at=at, problems=problems),
        wire_format=problems.choice_at(
            options.get("wire_format"),
            at=f"{at}.wire_format",
            default=WireFormat.JSON,
        ),
        key_wire_format=_read_key_format(options, at=at, problems=problems),
        framing=problems.choice_at(
            options.get("framing"), at=f"{at}.framing", default=Framing.AUTO
        ),
        registry=_read_registry(
            options.get("registry"), at=f"{at}.registry", problems=problems
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
    if source.needs_registry and "registry" not in options:
        fix = "name its address: registry: {url: ...}"
        problems.add(
            f"{at}.registry",
            f"is missing: {source.wire_format} cannot be read without schemas; {fix} "
            "(AWS Glue's registry cannot be read: it has another API)",
        )
    return source


def _read_key_format(
    options: dict[str, Json], *, at: str, problems: ConfigProblems
) -> KeyFormat | None:
    raw = options.get("key_wire_format")
    if raw is None:
        return None
    return problems.choice_at(raw, at=f"{at}.key_wire_format", default=KeyFormat.JSON)


def _read_registry(raw: Json, *, at: str, problems: ConfigProblems) -> Registry | None:
    if raw is None:
        return None
    options = problems.object_at(raw, at=at)
    for name in _REGISTRY_SECRETS:
        if name in options:
            fix = f"name its variable in {name}_env, or its file in {name}_file"
            problems.add(f"{at}.{name}", f"does not belong in this file; {fix}")
    problems.add_unknown_names(
        options.keys() - set(_REGISTRY_SECRETS),
        REGISTRY_FIELDS,
        at=f"{at}.",
        what="part of a registry",
    )
    return Registry(
        url=_read_url(options.get("url"), at=f"{at}.url", problems=problems),
        global_ids=problems.boolean_at(
            options.get("global_ids"), at=f"{at}.global_ids", default=False
        ),
        timeout_s=problems.seconds_at(
            options.get("timeout_s"), at=f"{at}.timeout_s", maximum=TIMEOUT_MAX_S
        )
        or TIMEOUT_DEFAULT_S,
        unknown_schema_s=problems.seconds_at(
            options.get("unknown_schema_s"),
            at=f"{at}.unknown_schema_s",
            maximum=UNKNOWN_SCHEMA_MAX_S,
        )
        or UNKNOWN_SCHEMA_DEFAULT_S,
        **{
            name: problems.text_at(options.get(name), at=f"{at}.{name}")
            for name in _REGISTRY_TEXTS
        },
    )


def _read_url(raw: Json, *, at: str, problems: ConfigProblems) -> str:
    url = problems.text_at(raw, at=at)
    for address in url.split(","):
        parts = urlsplit(address.strip())
        if parts.username or parts.password:
            fix = "name the variables in username_env and password_env"
            problems.add(at, f"holds a secret, which does not belong here; {fix}")
        elif parts.scheme not in ("http", "https") or not parts.hostname:
            problems.add(at, "is not an address, such as http://registry:8081")
    return url


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
