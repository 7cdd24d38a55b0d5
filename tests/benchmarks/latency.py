"""`python -m tests.benchmarks.latency`: from publish to acceptance, under its rate."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from confluent_kafka import Producer

from agents.admin.topic_reader import read_topic
from agents.shared.context import clock_ms, kafka_access
from streams.audiences.list_mapping import decode_list_mapping
from tests.benchmarks import latency_report, staging, timed
from tests.benchmarks.backlog import FLUSH_S, await_empty
from tests.benchmarks.latency_report import Run
from tests.benchmarks.processes import Worker
from tests.benchmarks.runs import STAGES, Environment
from tests.benchmarks.workload import Published, audience_moves, track_events

NO_QUOTAS = 1_000.0
"""Times Klaviyo's: too large to be met, and its headers say so to the client."""

WITHIN_S = 120.0


@click.command()
@click.option(
    "--rate",
    default=100,
    show_default=True,
    type=click.IntRange(min=1, max=2_000),
    help="Events a second.",
)
@click.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(min=1, max=3_600),
    help="How long they are published.",
)
@click.option(
    "--audience-share",
    default=0.5,
    show_default=True,
    type=click.FloatRange(min=0, max=1),
    help="Share of them that are audience moves; the others are track events.",
)
@click.option(
    "--warm-up-seconds",
    default=10,
    show_default=True,
    type=click.IntRange(min=0, max=600),
    help="The same before them, not counted: lists are created then.",
)
@click.option(
    "--quota-scale",
    default=NO_QUOTAS,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="1.0 is Klaviyo's quotas; the default is never met.",
)
@click.option(
    "--job-seconds",
    default=0.05,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long an import job of the sandbox takes.",
)
def main(  # noqa: PLR0913  # one argument an option
    *,
    rate: int,
    seconds: int,
    audience_share: float,
    warm_up_seconds: int,
    quota_scale: float,
    job_seconds: float,
) -> None:
    """Print how long events take to be accepted; nothing is asserted.

    One worker with all stages; a sandbox whose quotas are not met.
    """
    records = _mix(rate * (warm_up_seconds + seconds), share=audience_share)
    start_environment = staging.start_environment(
        quota_scale=quota_scale, job_s=job_seconds, journaled=True
    )
    with start_environment as (environment, sandbox):
        late_s, cpu_s = _carried(environment, records, rate=rate)
        accepted = _accepted(sandbox.requests(), environment.home / "journal")
        run = _read(environment, accepted)
    click.echo(
        f"{rate} events/s for {seconds} s, {audience_share:.0%} audience moves; the"
        f" worker took {cpu_s / (warm_up_seconds + seconds):.0%} of a core; the"
        f" publisher was late by {late_s * 1000:.0f} ms at most\n"
    )
    for line in latency_report.lines(run, after=rate * warm_up_seconds):
        click.echo(line)


def _mix(count: int, *, share: float) -> list[Published]:
    """Track events and audience moves, evenly mixed."""
    is_move = [int((n + 1) * share) > int(n * share) for n in range(count)]
    moves = iter(audience_moves(sum(is_move)))
    tracks = iter(map(_tracked, track_events(count - sum(is_move))))
    return [next(moves) if move else next(tracks) for move in is_move]


def _tracked(value: bytes) -> Published:
    return Published(key=orjson.loads(value)["userId"].encode(), value=value)


def _carried(
    environment: Environment, records: Sequence[Published], *, rate: int
) -> tuple[float, float]:
    """Give a worker the records at their rate, and wait for its last commit.

    Returns:
        How late the publisher was at most, and the worker's CPU time meanwhile.
    """
    stage = staging.lane_stage("lists", "events", stages="intake,activate,deliver")
    with environment.worker(stage) as worker:
        cpu_s = worker.cpu_s
        late_s = _publish_paced(environment, records, rate=rate)
        cpu_s = worker.cpu_s - cpu_s
        _await_all(environment, worker)
    return late_s, cpu_s


def _publish_paced(
    environment: Environment, records: Iterable[Published], *, rate: int
) -> float:
    """Publish at a steady rate; gives how late the latest was.

    Raises:
        TimeoutError: Kafka does not take it.
    """
    producer = Producer({"bootstrap.servers": environment.bootstrap, "linger.ms": 0})
    topic = environment.reads(STAGES[0])
    began_s, late_s = time.monotonic(), 0.0
    for number, record in enumerate(records):
        due_s = began_s + number / rate
        time.sleep(max(0.0, due_s - time.monotonic()))
        late_s = max(late_s, time.monotonic() - due_s)
        producer.produce(topic, record.value, record.key, timestamp=clock_ms())
        producer.poll(0)
    if producer.flush(FLUSH_S):
        raise TimeoutError("Kafka did not take all")
    return late_s


def _await_all(environment: Environment, worker: Worker) -> None:
    lanes = (staging.one_lane("lists"), staging.one_lane("events"))
    with environment.backlogs(*STAGES[:2], *lanes) as backlogs:
        await_empty(backlogs, worker, within_s=WITHIN_S)


def _accepted(log: Sequence[Mapping[str, object]], journal: Path) -> dict[str, int]:
    """Return the time of each event and list add in the sandbox, milliseconds.

    The journal has the bodies, the log the times; both are in the order of arrival.
    """
    lines = [
        line
        for path in journal.iterdir()
        for line in path.read_text().splitlines()[-len(log) :]
    ]
    found: dict[str, int] = {}
    for text, entry in zip(lines, log[-len(lines) :], strict=True):
        line = json.loads(text)
        named = _NAMED.get(line["path"])
        if named and line["method"] == "POST" and line["status"] < 300:
            at_ms = int(float(str(entry["time_s"])) * 1000)
            found |= dict.fromkeys(named(json.loads(line["body"])), at_ms)
    return found


def _unique_ids(body: object) -> list[str]:
    """Every `unique_id` in a body, however deep."""
    if isinstance(body, list):
        return [name for part in body for name in _unique_ids(part)]
    if not isinstance(body, dict):
        return []
    own = [body["unique_id"]] if isinstance(body.get("unique_id"), str) else []
    return own + [name for part in body.values() for name in _unique_ids(part)]


def _adds(body: dict[str, Any]) -> list[str]:
    """Name whom an import puts on which list."""
    [target] = body["data"]["relationships"]["lists"]["data"]
    profiles = body["data"]["attributes"]["profiles"]["data"]
    return [_add(target["id"], one["attributes"]["external_id"]) for one in profiles]


def _add(list_id: str, user: str) -> str:
    return f"{list_id}/{user}"


_NAMED: Mapping[str, Callable[[dict[str, Any]], list[str]]] = {
    "/api/event-bulk-create-jobs": _unique_ids,
    "/api/events": _unique_ids,
    "/api/profile-bulk-import-jobs": _adds,
}


def _read(environment: Environment, accepted: Mapping[str, int]) -> Run:
    topics = environment.settings.topics
    of_lanes = [
        record
        for lane in ("lists", "events")
        for record in timed.read(environment.bootstrap, topics.activations[lane])
    ]
    source = timed.read(environment.bootstrap, environment.reads(STAGES[0]))
    lists = {
        (one.key() or b"").decode(): decode_list_mapping(one.value() or b"").list_id
        for one in read_topic(kafka_access(environment.settings), topics.audience_lists)
    }
    named = {one.spot: _name(orjson.loads(one.value), lists) for one in source}
    return Run(
        source=sorted(source, key=lambda record: record.at_ms),
        events=timed.by_origin(timed.read(environment.bootstrap, topics.events)),
        lanes=timed.by_origin(of_lanes),
        accepted={
            spot: accepted[name] for spot, name in named.items() if name in accepted
        },
        ends=timed.ends(timed.read(environment.bootstrap, topics.outcomes)),
    )


def _name(event: dict[str, Any], lists: Mapping[str, str]) -> str:
    """Name an event, or the list add it makes, as requests name it."""
    if event["event"] != "Audience Entered":
        name: str = event["messageId"]
        return name
    return _add(lists[event["properties"]["audience_key"]], event["userId"])


if __name__ == "__main__":
    sys.exit(main())
