"""Command `klaviyo-streams sources`: list sources, and inspect a topic."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson

from agents.admin.topic_sample import sample_topic
from agents.cli.support.settings_options import (
    open_kafka_settings,
    read_settings,
    read_sources,
    settings_option,
)
from agents.shared.context import clock_ms, kafka_access
from streams.events.inspection.block import source_block, source_name
from streams.events.inspection.inspect import Inspection, inspect_records
from streams.events.sources import RowTool, Source, SourceFormat

SAMPLES_DEFAULT = 100
SAMPLES_MAX = 10_000


@click.group()
def sources() -> None:
    """List the sources, or inspect a topic that could become one. Changes nothing.

    \b
    Examples:
      klaviyo-streams sources list --settings production.yaml
      klaviyo-streams sources inspect pg.public.people
    """  # noqa: D301 - click reads the backspace


@sources.command("list")
@settings_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def list_(*, settings_path: Path | None, as_json: bool) -> None:
    """Show the sources of the destination file and the other source topics.

    \b
    Examples:
      klaviyo-streams sources list
      klaviyo-streams sources list --settings production.yaml --json
    """  # noqa: D301 - click reads the backspace
    listed = read_sources(settings_path)
    topics = {topic for source in listed for topic in source.topics}
    other_topics = [
        topic
        for topic in read_settings(settings_path).source_topics
        if topic not in topics
    ]
    others = [Source(name="", topics=(topic,)) for topic in other_topics]
    for source in (*listed, *others):
        fields = _fields_of(source)
        click.echo(orjson.dumps(fields) if as_json else describe_source(source))


def describe_source(source: Source) -> str:
    """Describe a source in a line."""
    topics = ", ".join(source.topics)
    name = f"source {source.name}" if source.name else "source topic"
    kind = f"{source.format} ({source.tool})" if _has_tool(source) else source.format
    details = {
        "model": source.model,
        "key": ", ".join(source.key),
        "audience": source.audience,
    }
    texts = [f"{label} {text}" for label, text in details.items() if text]
    return "; ".join([f"{name}: {topics}: {kind}, {source.wire_format}", *texts])


def _has_tool(source: Source) -> bool:
    return source.format is SourceFormat.ROWS


def _fields_of(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "topics": source.topics,
        "format": source.format,
        "wire_format": source.wire_format,
        "tool": source.tool if _has_tool(source) else "",
        "model": source.model,
        "key": source.key,
        "audience": source.audience,
    }


@sources.command()
@click.argument("topic")
@settings_option
@click.option(
    "--samples",
    type=click.IntRange(1, SAMPLES_MAX),
    default=SAMPLES_DEFAULT,
    show_default=True,
    help="Number of records to read, the last ones of the topic.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def inspect(
    *, topic: str, settings_path: Path | None, samples: int, as_json: bool
) -> None:
    """Sample a topic: what its records look like, and a source block to paste.

    Prints names and types, never a value of a record.

    \b
    Examples:
      klaviyo-streams sources inspect segment-events
      klaviyo-streams sources inspect segment-events --samples 1000 --json
    """  # noqa: D301 - click reads the backspace
    settings = open_kafka_settings(settings_path)
    records = sample_topic(kafka_access(settings), topic, samples)
    inspection = inspect_records(topic, records, now_ms=clock_ms())
    if as_json:
        block = source_block(source_name(topic), inspection.source)
        click.echo(orjson.dumps({**msgspec.to_builtins(inspection), "block": block}))
        return
    for line in describe_inspection(inspection):
        click.echo(line)


def describe_inspection(inspection: Inspection) -> Iterator[str]:
    """Yield the lines that describe a topic."""
    nulls = f", {inspection.null_values} without a value"
    yield f"{inspection.topic}: {inspection.records} records{nulls}"
    tool = f" ({RowTool(inspection.tool)})" if inspection.tool else ""
    yield f"wire format: {inspection.wire_format}"
    yield f"format: {inspection.format or 'unknown'}{tool}: {inspection.why}"
    if inspection.tables:
        yield f"tables: {', '.join(inspection.tables)}"
    yield f"key: {', '.join(inspection.key) or 'none'}"
    for column in inspection.columns:
        types = " or ".join(column.types)
        yield f"  {column.name}: {types}, in {column.records}"
    for result, count in inspection.results.items():
        yield f"read with the source below: {count} {result}"
    for warning in inspection.warnings:
        yield f"warning: {warning}"
    yield ""
    yield source_block(source_name(inspection.topic), inspection.source)
