"""Options of `explain`, `send` and `metrics`, and the handler behind the first two."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from agents.cli.support.event_tester import (
    TestRequest,
    TestStep,
    build_answer,
    describe_hold,
    most_severe,
    parse_request,
    plan_steps,
)
from agents.cli.support.json_lines import JsonAnswer, LineHandler
from agents.cli.support.source_records import parse_source_line
from agents.shared.klaviyo import create_klaviyo_client
from agents.shared.registry.client import RegistryClients
from agents.shared.registry.command import CommandSchemas
from streams.delivery.verdict import ItemVerdict
from streams.destination.loader import compile_destination, read_destination
from streams.destination.model import Destination
from streams.errors import ConfigError, EngineError
from streams.events.sources import Source
from streams.klaviyo.api.client import BASE_URL, KlaviyoClient
from streams.klaviyo.api.requests import KlaviyoApi
from streams.klaviyo.execute import execute
from streams.klaviyo.fake_client import RecordingClient
from streams.settings import load_settings

INPUT_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""Type of an option that names an existing file."""

klaviyo_url_option = click.option(
    "--klaviyo-url", default=BASE_URL, show_default=True, help="URL of Klaviyo."
)

destination_option = click.option(
    "--destination",
    "destination_path",
    type=INPUT_FILE,
    help="Destination file (YAML or JSON).  [default: all presets]",
)

ClientFactory = Callable[[list[TestStep]], KlaviyoApi]
"""Function from the steps of a line to the client for its requests."""


def load_destination(path: Path | None) -> Destination:
    """Read and compile a destination file; without a path, return all presets.

    Raises:
        ConfigError: All problems found, each with its path.
    """
    if path is None:
        return compile_destination(None)
    return read_destination(path.read_bytes())


def create_client(destination: Destination, *, url: str) -> KlaviyoClient:
    """Create a client with the API key and the settings from the environment.

    Raises:
        ConfigError: The key is missing, or a setting is wrong.
    """
    name = destination.api_key_env
    key = os.environ.get(name, "")
    if not key:
        raise ConfigError(
            [f"{name}: missing in the environment; set it to the API key"]
        )
    settings = load_settings(
        os.environ, base=destination.settings, for_delivery=False, api_key_env=name
    )
    return create_klaviyo_client(msgspec.structs.replace(settings, klaviyo_url=url))


@contextmanager
def name_klaviyo(url: str) -> Iterator[None]:
    """Name the URL of Klaviyo in an error that ends a command.

    Raises:
        EngineError: With the URL in front.
    """
    try:
        yield
    except EngineError as error:
        raise EngineError(f"Klaviyo at {url}: {error}") from None


def create_tester(
    destination: Destination,
    *,
    client_factory: ClientFactory,
    known_metrics: frozenset[str] | None = None,
    clock_s: Callable[[], float] | None = None,
    source: Source | None = None,
) -> LineHandler:
    """Create the handler that maps the events of a line and sends the requests.

    Args:
        destination: The mappings for a line that is an event.
        client_factory: Creates the client for the requests of a line.
        known_metrics: If set, events with any other metric are dead letters.
        clock_s: Current time; without it, Klaviyo judges events of the future.
        source: Source whose raw records the lines are; None if they are events.
    """
    schemas = CommandSchemas(RegistryClients())

    def parse_line(line: bytes) -> list[TestRequest]:
        if source is not None:
            return parse_source_line(line, source, destination, schemas=schemas.lookup)
        return [parse_request(line, destination)]

    async def run_steps(
        client: RecordingClient, steps: list[TestStep]
    ) -> list[ItemVerdict]:
        verdicts = await execute(
            client,
            [intent for step in steps for intent in step.intents],
            known_metrics=known_metrics,
            now_s=clock_s() if clock_s is not None else None,
        )
        return _verdict_by_step(steps, verdicts)

    async def handle(line: bytes) -> JsonAnswer:
        requests = parse_line(line)
        steps = plan_steps(*requests)
        client = RecordingClient(client_factory(steps))
        is_batch = all(request.is_batch for request in requests)
        batches = [steps] if is_batch else [[step] for step in steps]
        verdicts: list[ItemVerdict] = []
        try:
            for batch in batches:
                verdicts += await run_steps(client, batch)
        finally:
            await client.jobs.close()
        answer = build_answer(steps, verdicts, client.requests)
        hold = describe_hold(*requests)
        return {**answer, "held": hold} if hold else answer

    return handle


def _verdict_by_step(
    steps: list[TestStep], verdicts: list[ItemVerdict]
) -> list[ItemVerdict]:
    """Return for each step the most severe verdict of the intents, or of the step."""
    remaining = iter(verdicts)
    return [
        most_severe([next(remaining) for _ in step.intents])
        if step.intents
        else step.verdict
        for step in steps
    ]
