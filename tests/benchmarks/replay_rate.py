"""`python -m tests.benchmarks.replay_rate`: what a replay costs the present."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import click
import orjson
from confluent_kafka import Producer

from agents.admin.topic_reader import read_topic
from agents.shared.context import clock_ms, kafka_access
from streams.delivery import outcome
from tests.benchmarks import staging
from tests.benchmarks.backlog import await_empty, publish
from tests.benchmarks.processes import Worker
from tests.benchmarks.runs import STAGES, Environment
from tests.benchmarks.timed import Spread, spread
from tests.benchmarks.workload import Published, track_events

WITHIN_S_PER_RECORD = 0.002
END_S = 30.0
ALONE, BESIDE = "alone", "beside"


@click.command()
@click.option(
    "--records",
    default=200_000,
    show_default=True,
    type=click.IntRange(min=1_000),
    help="Records that are replayed.",
)
@click.option(
    "--rate",
    default=100,
    show_default=True,
    type=click.IntRange(min=1, max=1_000),
    help="Live events a second, before the replay and beside it.",
)
@click.option(
    "--seconds",
    default=60,
    show_default=True,
    type=click.IntRange(min=10),
    help="How long they are published before it.",
)
def main(*, records: int, rate: int, seconds: int) -> None:
    """Print the latency of live events without a replay and beside one.

    One worker with all stages; a sandbox whose quotas are not met. What is replayed was
    delivered before; nothing is asserted.
    """
    with staging.start_environment(quota_scale=1_000.0, job_s=0.05) as (
        environment,
        sandbox,
    ):
        stage = staging.lane_stage("lists", "events", stages="intake,activate,deliver")
        with environment.worker(stage) as worker:
            lines = track_events(records)
            publish(
                environment.bootstrap,
                environment.reads(STAGES[0]),
                list(map(_keyed, lines)),
            )
            _settle(environment, worker, count=records)
            _live(environment, ALONE, rate=rate, goes_on=_for(seconds))
            _settle(environment, worker, count=rate * seconds)
            before = sandbox.state()["events"]
            replayed_s = _beside_a_replay(environment, rate=rate)
            _settle(environment, worker, count=records)
        recorded = sandbox.state()["events"] - before
        found = _latencies(environment)
    click.echo(
        f"{records} records replayed in {replayed_s:.0f} s, "
        f"{rate} live events/s before it and beside it"
    )
    click.echo(
        f"{'live events, seconds':<24}{'count':>8}{'p50':>8}{'p99':>8}{'max':>8}"
    )
    for name, one in found.items():
        click.echo(
            f"{name:<24}{one.count:>8}{one.p50_s:>8.3f}{one.p99_s:>8.3f}{one.max_s:>8.3f}"
        )
    ratio = found[BESIDE].p99_s / found[ALONE].p99_s
    click.echo(f"p99 beside the replay is {ratio:.2f} times that without it")
    click.echo(
        f"events recorded meanwhile: {recorded}, live ones {found[BESIDE].count}"
    )


def _keyed(value: bytes) -> Published:
    return Published(key=orjson.loads(value)["userId"].encode(), value=value)


def _for(seconds: float) -> Callable[[], bool]:
    until_s = time.monotonic() + seconds
    return lambda: time.monotonic() < until_s


def _live(
    environment: Environment, name: str, *, rate: int, goes_on: Callable[[], bool]
) -> None:
    """Publish at a steady rate; each event says when it belongs."""
    producer = Producer({"bootstrap.servers": environment.bootstrap, "linger.ms": 0})
    began_s, number = time.monotonic(), 0
    while goes_on():
        time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
        user = f"live-{name}-{number}"
        value = {
            "type": "track",
            "event": "Product Viewed",
            "userId": user,
            "messageId": user,
        }
        topic = environment.reads(STAGES[0])
        producer.produce(topic, orjson.dumps(value), user, timestamp=clock_ms())
        producer.poll(0)
        number += 1
    producer.flush(END_S)


def _beside_a_replay(environment: Environment, *, rate: int) -> float:
    """Replay the whole source topic, live events beside it; how long it took."""
    began_s = time.monotonic()
    replay = subprocess.Popen(
        [sys.executable, "-m", "agents.cli", "replay", "--apply"],
        env=os.environ | environment.env,
        stdin=subprocess.DEVNULL,
    )
    try:
        _live(environment, BESIDE, rate=rate, goes_on=lambda: replay.poll() is None)
    finally:
        replay.terminate()
        replay.wait(END_S)
    return time.monotonic() - began_s


def _settle(environment: Environment, worker: Worker, *, count: int) -> None:
    lanes = (staging.one_lane("events"),)
    with environment.backlogs(*STAGES[:2], *lanes) as backlogs:
        within_s = END_S + count * WITHIN_S_PER_RECORD
        await_empty(backlogs, worker, within_s=within_s)


def _latencies(environment: Environment) -> dict[str, Spread]:
    found: dict[str, list[float]] = {ALONE: [], BESIDE: []}
    for name, latency_s in _ends(environment):
        found[name].append(latency_s)
    spreads = {name: spread(waits_s) for name, waits_s in found.items()}
    return {name: one for name, one in spreads.items() if one}


def _ends(environment: Environment) -> Iterator[tuple[str, float]]:
    """Of each live event that was delivered: when it was published, and how long."""
    access = kafka_access(environment.settings)
    for message in read_topic(access, environment.settings.topics.outcomes):
        for item in outcome.decode_outcome(message.value() or b"").items:
            live, _, rest = item.message_id.partition("-")
            if live == "live" and not item.replay:
                yield rest.partition("-")[0], item.latency_ms / 1000


if __name__ == "__main__":
    main()
