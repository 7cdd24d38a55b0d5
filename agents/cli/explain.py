"""Command `klaviyo-streams explain`: show the requests for events, send none."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from agents.cli.support.event_tester import TestStep, parse_object
from agents.cli.support.json_lines import JsonAnswer, LineHandler, answer_lines
from agents.cli.support.source_records import find_source
from agents.cli.support.tester_options import (
    INPUT_FILE,
    create_tester,
    destination_option,
    load_destination,
)
from agents.shared.registry.credentials import check_packages
from streams.errors import ConfigError, StreamsError
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.execute import intent_identifiers
from streams.klaviyo.fake_client import FakeKlaviyo
from streams.mapping import UNDEFINED, MappingError, Unmappable, compile_mapping
from streams.settings.yaml_reader import read_yaml
from streams.triggers.trigger import compile_trigger


@click.command()
@destination_option
@click.option("--trigger", metavar="FQL", help="Only report which events match.")
@click.option(
    "--mapping",
    "mapping_path",
    type=INPUT_FILE,
    help="Only print the output of this mapping (JSON) for each event.",
)
@click.option(
    "--source",
    "source_name",
    metavar="NAME",
    help="Read raw records of this source of the destination file.",
)
def explain(
    *,
    destination_path: Path | None,
    trigger: str | None,
    mapping_path: Path | None,
    source_name: str | None,
) -> None:
    """Show the requests for events, without network and without Kafka.

    Reads JSON lines from standard input and answers each with one JSON object. A line
    is an event, or {"mode": "single"|"batch", "action": ..., "mapping": ...,
    "subscribe": FQL, "events": [...]}, of which only action and events are required.
    With --source a line is a record: {"key": TEXT, "value": TEXT, "headers": {...}},
    each with _base64 behind its name if it is not text.

    \b
    Examples:
      echo '{"type":"track","event":"Viewed","userId":"u1","properties":{}}' \\
        | klaviyo-streams explain
      echo '{"action":"upsertProfile","events":[{"userId":"u1"}]}' \\
        | klaviyo-streams explain
      echo '{"type":"track"}' | klaviyo-streams explain --trigger 'type = "track"'
      klaviyo-streams explain --destination sources.yaml --source people \\
        < records.jsonl
    """  # noqa: D301 - click reads the backspace
    options = (destination_path, trigger, mapping_path)
    if sum(option is not None for option in options) > 1:
        raise click.UsageError(
            "--destination, --trigger and --mapping are mutually exclusive"
        )
    if source_name is not None and destination_path is None:
        raise click.UsageError("--source needs --destination, which has the source")
    if trigger is not None:
        handle = _trigger_tester(trigger)
    elif mapping_path is not None:
        handle = _mapping_tester(mapping_path.read_bytes())
    else:
        destination = load_destination(destination_path)
        source = find_source(destination, source_name) if source_name else None
        check_packages([source] if source else [])
        handle = create_tester(
            destination, client_factory=fake_client_for, source=source
        )
    with asyncio.Runner() as runner:
        answer_lines(runner, handle)


def fake_client_for(steps: list[TestStep]) -> KlaviyoApi:
    """Return a client without network that has the profiles named in the steps."""
    return FakeKlaviyo(
        intent_identifiers(intent) for step in steps for intent in step.intents
    )


def _trigger_tester(fql: str) -> LineHandler:
    try:
        trigger = compile_trigger(fql)
    except ConfigError as error:
        return partial(_answer_error, str(error))

    async def match(line: bytes) -> JsonAnswer:
        return {"match": trigger(parse_object(line))}

    return match


def _mapping_tester(text: bytes) -> LineHandler:
    try:
        mapping = compile_mapping(_decode_mapping(text))
    except MappingError as error:
        return partial(_answer_error, error.wording)
    except StreamsError as error:
        return partial(_answer_error, str(error))

    async def apply_mapping(line: bytes) -> JsonAnswer:
        return _mapping_answer(mapping(parse_object(line)))

    return apply_mapping


def _decode_mapping(text: bytes) -> Any:  # noqa: ANN401 - JSON of any shape
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    return read_yaml(text)


def _mapping_answer(value: object) -> JsonAnswer:
    if isinstance(value, Unmappable):
        return {"error": value.reason}
    return {"value": None if value is UNDEFINED else value}


async def _answer_error(message: str, _: bytes) -> JsonAnswer:
    return {"error": message}
