"""`klaviyo-streams explain`: what would be done, without doing it."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
import yaml

from agents.cli.support.event_tester import TestStep, parse_object
from agents.cli.support.json_lines import JsonAnswer, LineHandler, answer_lines
from agents.cli.support.tester_options import FILE, create_tester, load_destination
from streams.errors import ConfigError, StreamsError
from streams.klaviyo.api.protocol import KlaviyoApi
from streams.klaviyo.execute import intent_identifiers
from streams.klaviyo.fake_client import FakeKlaviyo
from streams.mapping import UNDEFINED, MappingError, Unmappable, compile_mapping
from streams.triggers.trigger import compile_trigger


@click.command()
@click.option(
    "--destination",
    "file",
    type=FILE,
    help="Destination file; without one, every preset.",
)
@click.option("--trigger", metavar="FQL", help="Say only which events this matches.")
@click.option(
    "--mapping", type=FILE, help="Say only what this mapping, JSON, makes of an event."
)
def explain(*, file: Path | None, trigger: str | None, mapping: Path | None) -> None:
    """Say what would be done for events, with no network and no Kafka.

    Reads JSON lines on standard input and answers each with one JSON object. A line is
    an event, or {"mode": "single"|"batch", "action": ..., "mapping": ...,
    "subscribe": FQL, "events": [...]}, in which all but action and events may be
    absent.

    \b
    Examples:
      echo '{"type":"track","event":"Viewed","userId":"u1","properties":{}}' \\
        | klaviyo-streams explain
      echo '{"action":"upsertProfile","events":[{"userId":"u1"}]}' \\
        | klaviyo-streams explain
      echo '{"type":"track"}' | klaviyo-streams explain --trigger 'type = "track"'
    """  # noqa: D301 - click reads the backspace
    if sum(given is not None for given in (file, trigger, mapping)) > 1:
        raise click.UsageError("--destination, --trigger and --mapping exclude another")
    if trigger is not None:
        answering = _matches(trigger)
    elif mapping is not None:
        answering = _maps(mapping.read_bytes())
    else:
        answering = create_tester(load_destination(file), connect=fake_client_for)
    with asyncio.Runner() as runner:
        answer_lines(runner, answering)


def fake_client_for(steps: list[TestStep]) -> KlaviyoApi:
    """Give a Klaviyo without a network that knows whom the steps are about."""
    return FakeKlaviyo(
        intent_identifiers(intent) for step in steps for intent in step.intents
    )


def _matches(fql: str) -> LineHandler:
    try:
        trigger = compile_trigger(fql)
    except ConfigError as fault:
        return partial(_fault, str(fault))

    async def matched(line: bytes) -> JsonAnswer:
        return {"match": trigger(parse_object(line))}

    return matched


def _maps(text: bytes) -> LineHandler:
    try:
        mapping = compile_mapping(_decoded(text))
    except MappingError as fault:
        return partial(_fault, fault.wording)
    except StreamsError as fault:
        return partial(_fault, str(fault))

    async def mapped(line: bytes) -> JsonAnswer:
        return _value(mapping(parse_object(line)))

    return mapped


def _decoded(text: bytes) -> Any:  # noqa: ANN401 - JSON of any shape
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(["mapping: is no JSON"]) from None


def _value(found: object) -> JsonAnswer:
    if isinstance(found, Unmappable):
        return {"error": found.reason}
    return {"value": None if found is UNDEFINED else found}


async def _fault(words: str, _: bytes) -> JsonAnswer:
    return {"error": words}
