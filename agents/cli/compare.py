"""Command `klaviyo-streams compare`: the requests of two destination files."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import msgspec
import orjson

from agents.admin.progress import throttle
from agents.admin.replay.topic_range import TopicRange
from agents.cli.explain import fake_client_for
from agents.cli.support.event_tester import encode_answer
from agents.cli.support.json_lines import JsonAnswer, LineHandler
from agents.cli.support.settings_options import open_kafka_settings, settings_option
from agents.cli.support.tester_options import (
    INPUT_FILE,
    create_tester,
    load_destination,
)
from agents.shared.context import kafka_access
from streams.errors import StreamsError
from streams.migration.comparison import (
    RequestDifference,
    compare_answers,
    summarize,
)
from streams.replay.selection import ReplaySelection, parse_time_ms

READ_RECORDS = 1_000


@click.command()
@click.argument("first", type=INPUT_FILE)
@click.argument("second", type=INPUT_FILE)
@click.option("--events", type=INPUT_FILE, help="Events, one a line.  [default: stdin]")
@click.option("--topic", help="Read the events from this topic instead.")
@click.option("--since", help="Only records of the topic from this time (ISO 8601).")
@click.option("--until", help="Only records of the topic before this time.")
@click.option("--json", "as_json", is_flag=True, help="Print each difference as JSON.")
@settings_option
def compare(  # noqa: PLR0913 - one argument per option
    *,
    first: Path,
    second: Path,
    events: Path | None,
    topic: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
    settings_path: Path | None,
) -> None:
    """Compare the requests that two destination files make of the same events.

    A file may be Segment's own JSON of subscriptions. Nothing is sent. Prints how often
    requests differ, and where; with --json each difference, both requests in it. Each
    event is looked at alone, without the state that a worker has. The exit code is 1 if
    any request differs.

    \b
    Examples:
      klaviyo-streams compare subscriptions.json new.yaml --events events.jsonl
      klaviyo-streams compare old.yaml new.yaml < events.jsonl
      klaviyo-streams compare old.yaml new.yaml --topic segment-events \\
        --since 2026-11-01T00:00Z --until 2026-11-01T01:00Z
    """  # noqa: D301 - click reads the backspace
    if topic is None and (since or until):
        raise click.UsageError("--since and --until need --topic")
    if topic is not None and events is not None:
        raise click.UsageError("--events and --topic are mutually exclusive")
    handlers = [
        create_tester(load_destination(path), client_factory=fake_client_for)
        for path in (first, second)
    ]
    if topic is not None:
        lines = _topic_values(topic, since, until, settings_path)
    else:
        lines = _file_lines(events)
    with asyncio.Runner() as runner:
        count, differences = runner.get_loop().run_until_complete(
            _compare_all(lines, handlers, as_json=as_json)
        )
    if not as_json:
        _print_summary(count, differences)
    sys.exit(1 if differences else 0)


def _file_lines(path: Path | None) -> Iterator[bytes]:
    if path is None:
        yield from click.get_binary_stream("stdin")
        return
    with path.open("rb") as file:
        yield from file


def _topic_values(
    topic: str, since: str | None, until: str | None, settings_path: Path | None
) -> Iterator[bytes]:
    """Yield the values of a range of a topic, reporting progress on standard error."""
    kafka = kafka_access(open_kafka_settings(settings_path))
    selection = ReplaySelection(
        topic=topic,
        since_ms=parse_time_ms(since, option="--since") if since else None,
        until_ms=parse_time_ms(until, option="--until") if until else None,
    )
    report = throttle(lambda line: click.echo(line, err=True))
    with closing(TopicRange(kafka, topic)) as records:
        bounds = records.find_bounds(selection)
        total = sum(end - start for start, end in bounds.values())
        records.start(bounds, {})
        while not records.is_finished:
            for message in records.read(READ_RECORDS):
                yield message.value() or b""
            done = sum(
                records.positions[number] - start
                for number, (start, _) in bounds.items()
            )
            report(f"{done:,} of {total:,} records read")


async def _compare_all(
    lines: Iterator[bytes], handlers: list[LineHandler], *, as_json: bool
) -> tuple[int, list[RequestDifference]]:
    """Return the number of events, and all differences, without the requests."""
    differences: list[RequestDifference] = []
    count = 0
    for count, line in enumerate(lines, start=1):
        answers = [await _answer(handle, line) for handle in handlers]
        found = compare_answers(count, *answers)
        if as_json:
            for one in found:
                fields = msgspec.structs.asdict(one)
                click.echo(msgspec.json.encode({"kind": one.kind, **fields}))
        differences += [_without_requests(one) for one in found]
    return count, differences


def _without_requests(difference: RequestDifference) -> RequestDifference:
    """Return the difference without its two requests: a topic has millions."""
    return msgspec.structs.replace(
        difference,
        first=None if difference.first is None else {},
        second=None if difference.second is None else {},
    )


async def _answer(handle: LineHandler, line: bytes) -> JsonAnswer:
    """Return the answer of `explain` to a line, as JSON would hold it."""
    try:
        answer: JsonAnswer = orjson.loads(encode_answer(await handle(line)))
    except StreamsError as error:
        return {"error": str(error)}
    return answer


def _print_summary(count: int, differences: list[RequestDifference]) -> None:
    events = {one.line for one in differences}
    click.echo(f"{count:,} events, {len(events):,} with requests that differ")
    for text, times in summarize(differences):
        click.echo(f"{times:7,}  {text}")
