"""`python -m tests.benchmarks.endurance`: a long day with faults all through it.

It publishes a shop's day in stages to a real Kafka while workers are killed and Klaviyo
fails in turns, and compares in the end what Klaviyo holds with the truth. Exit code: 0
equal, 1 different, 2 not done in time. A million events take gigabytes of memory here:
the truth about them, and the sandbox that holds them.
"""

import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from agents.demo.workload.generator import (
    SampleEvent,
    WorkloadShape,
    compute_expected,
    generate,
)
from streams.delivery import outcome
from streams.delivery.verdict import Verdict
from tests.brokers import choice
from tests.brokers.interface import Broker
from tests.journeys.harness import SHORTEST_SESSION_S, Pipeline
from tests.journeys.klaviyo import Klaviyo
from tests.journeys.sample_events import records
from tests.journeys.shop_day import differences, open_shop
from tests.journeys.topics import Tail

AUDIENCES = ("abandoned-cart", "vip", "lapsed", "new", "big")
EVENTS_PER_USER = 20

STAGE_RECORDS = 2_000
BACKLOG_RECORDS = 40_000
"""No more is published while so many records have no outcome."""

FAULT_S = (0.5, 6.0)
PAUSE_S = (0.5, 3.0)
"""How long a fault lasts, and how long there is none: from and to."""

SETTLE_S = 3.0
"""After the last commit: the sandbox takes a consent a moment before it makes it."""

SAY_S = 15.0
KILL = "kill -9"
FAULTS: dict[str, dict[str, Any]] = {
    KILL: {},
    "503": {"kind": "server-error", "status": 503},
    "429": {"kind": "throttled", "retry_after_s": 1},
    "cut after acceptance": {"kind": "cut", "probability": 0.3},
    "cut before acceptance": {"kind": "cut-before", "probability": 0.3},
    "slow": {"kind": "slow", "delay_s": 1.5},
    "401": {"kind": "unauthorized"},
    "html 403": {"kind": "challenge"},
    "job cancelled": {"kind": "job-cancelled", "probability": 0.5},
}

EQUAL, DIFFERENT, LATE = 0, 1, 2


@click.command()
@click.option(
    "--events",
    default=1_000_000,
    show_default=True,
    type=click.IntRange(min=1_000),
    help="Different events; a fifth of them is published twice.",
)
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(min=1, max=8)
)
@click.option("--seed", default=1, show_default=True, help="Of all chance.")
@click.option(
    "--limit-minutes",
    default=90.0,
    show_default=True,
    type=click.FloatRange(min=1),
    help="Give up after so long.",
)
def main(*, events: int, workers: int, seed: int, limit_minutes: float) -> None:
    """Play a day with random faults throughout, and compare with the truth."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    limit_s = time.monotonic() + 60 * limit_minutes
    click.echo(
        "command   python -m tests.benchmarks.endurance "
        f"--events {events} --workers {workers} --seed {seed}"
    )
    chosen = choice.choose_shared()
    if chosen.broker is None or not chosen.broker.durable:
        raise click.ClickException(f"no real Kafka: {chosen}")
    click.echo(f"broker    {chosen.broker.name}")
    shape = WorkloadShape(
        events=events,
        users=events // EVENTS_PER_USER,
        audiences=AUDIENCES,
        other=0.5,
        orders=0.2,
        consents=0.1,
    )
    with closing(chosen.broker) as broker:
        sys.exit(_staged(broker, shape, workers=workers, seed=seed, limit_s=limit_s))


def _staged(
    broker: Broker, shape: WorkloadShape, *, workers: int, seed: int, limit_s: float
) -> int:
    """Build all up, play, and take it down whatever happens."""
    prefix = f"endurance-{uuid.uuid4().hex[:8]}."
    with (
        tempfile.TemporaryDirectory(prefix="klaviyo-streams-") as home,
        closing(Klaviyo("--no-quotas", "--job-seconds", "0.2")) as klaviyo,
        closing(
            Pipeline(broker, klaviyo=klaviyo, prefix=prefix, home=Path(home))
        ) as pipeline,
    ):
        open_shop(klaviyo, shape)
        pipeline.run(workers=workers, session_timeout_s=SHORTEST_SESSION_S)
        topic = pipeline.settings.topics.outcomes
        bootstrap = pipeline.settings.kafka_bootstrap_servers
        with closing(Tail(bootstrap, topic)) as tail:
            run = _Run(pipeline, tail, shape=shape, seed=seed)
            return run.judged() if run.played(limit_s=limit_s) else LATE


class _Faults:
    """Inject faults one after another, with pauses."""

    def __init__(self, pipeline: Pipeline, rng: random.Random) -> None:
        self._pipeline = pipeline
        self._rng = rng
        self._raging = ""
        self._next_s = 0.0
        self.played = Counter[str]()
        self.struck = Counter[str]()

    def step(self, now_s: float) -> None:
        """Begin or end one when it is time."""
        if now_s < self._next_s:
            return
        if self._raging:
            self.end()
        else:
            self._begin(self._rng.choice(sorted(FAULTS)))
        lasts_s = FAULT_S if self._raging else PAUSE_S
        self._next_s = now_s + self._rng.uniform(*lasts_s)

    def end(self) -> None:
        """Mend what is broken."""
        if self._raging:
            self.struck[self._raging] += self._pipeline.klaviyo.struck()
            self._pipeline.klaviyo.mend()
        self._raging = ""

    def _begin(self, name: str) -> None:
        self.played[name] += 1
        if name != KILL:
            seed = self._rng.randrange(1 << 30)
            self._pipeline.klaviyo.fail(**FAULTS[name], seed=seed)
            self._raging = name
            return
        worker = self._rng.choice(sorted(self._pipeline.workers))
        self._pipeline.workers[worker].kill()
        self._pipeline.start(worker)


class _Run:
    def __init__(
        self, pipeline: Pipeline, tail: Tail, *, shape: WorkloadShape, seed: int
    ) -> None:
        self._pipeline = pipeline
        self._tail = tail
        self._shape = shape
        self._published: list[SampleEvent] = generate(shape, seed=seed)
        rng = random.Random(seed)  # noqa: S311 - faults of a rehearsal, no secret
        self._faults = _Faults(pipeline, rng)
        self._sent = 0
        self._ended = set[tuple[int, int]]()
        self._dead = Counter[str]()
        self._most_bytes = 0
        self._took_s = 0.0

    def played(self, *, limit_s: float) -> bool:
        """Publish and break until each record has its outcome; whether in time."""
        began_s = said_s = time.monotonic()
        while len(self._ended) < len(self._published):
            now_s = time.monotonic()
            if now_s > limit_s:
                self._say(now_s - began_s)
                return False
            if now_s > said_s + SAY_S:
                self._say(now_s - began_s)
                said_s = now_s
            self._faults.step(now_s)
            self._publish_some()
            self._read()
        self._faults.end()
        quiet = self._quiet(limit_s=limit_s)
        self._took_s = time.monotonic() - began_s
        return quiet

    def judged(self) -> int:
        """Compare and print; the exit code."""
        time.sleep(SETTLE_S)
        self._read()
        wrong = differences(
            self._pipeline.klaviyo, compute_expected(self._published, AUDIENCES)
        )
        self._print()
        for check in wrong:
            click.echo(
                f"DIFFERENT {check.kind} {check.name}: {check.missing} missing, "
                f"{check.unexpected} unexpected, {check.wrong} wrong"
            )
        click.echo(f"verdict   {'NOT ' * bool(wrong or self._dead)}equal to the truth")
        return DIFFERENT if wrong or self._dead else EQUAL

    def _publish_some(self) -> None:
        waiting = self._sent - len(self._ended)
        if self._sent < len(self._published) and waiting < BACKLOG_RECORDS:
            some = self._published[self._sent : self._sent + STAGE_RECORDS]
            self._pipeline.publish(records(some))
            self._sent += len(some)

    def _read(self) -> None:
        self._most_bytes = max(self._most_bytes, self._pipeline.rss_bytes)
        for message in self._tail.read():
            for item in outcome.decode_outcome(message.value()).items:
                if item.origin.topic == self._pipeline.source:
                    self._ended.add((item.origin.partition, item.origin.offset))
                if item.verdict is Verdict.DEAD_LETTER:
                    self._dead[item.reason] += 1

    def _quiet(self, *, limit_s: float) -> bool:
        while self._pipeline.lagging:
            if time.monotonic() > limit_s:
                return False
            self._read()
        return True

    def _say(self, elapsed_s: float) -> None:
        click.echo(
            f"{elapsed_s:7.0f} s  {self._sent} published, {len(self._ended)} ended, "
            f"{self._faults.played.total()} faults, "
            f"RSS {self._most_bytes >> 20} MiB at most"
        )

    def _print(self) -> None:
        klaviyo, faults = self._pipeline.klaviyo, self._faults
        statuses = Counter[int]()
        for row in klaviyo.ask("GET", "requests")["counters"]:
            statuses[row["status"]] += row["requests"]
        state = klaviyo.ask("GET", "state")
        count = len(self._published)
        rate = count / self._took_s
        played = [
            f"{name} {times}" + f" ({faults.struck[name]} requests)" * (name != KILL)
            for name, times in sorted(faults.played.items())
        ]
        click.echo(
            f"records   {count} of {self._shape.events} events, {self._took_s:.0f} s, "
            f"{rate:.0f} a second, {len(self._ended)} with an outcome\n"
            f"faults    {faults.played.total()}: {', '.join(played)}\n"
            f"requests  {statuses.total()}: "
            f"{', '.join(f'{n} of {code}' for code, n in sorted(statuses.items()))}\n"
            f"klaviyo   {state['profiles']} profiles, {state['members']} members, "
            f"{state['events']} events, {state['events_repeated']} repeats refused\n"
            f"RSS       {self._most_bytes >> 20} MiB at most, all workers\n"
            f"letters   {dict(self._dead) or 'no dead letters'}"
        )


if __name__ == "__main__":
    main()
