"""The two kinds of runs: one hop alone, and all hops in one worker."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.context import kafka_access
from agents.topics import ensure
from streams.settings import Settings, load
from tests.benchmarks.backlog import Backlog, await_empty, publish
from tests.benchmarks.processes import Sandbox, Worker
from tests.benchmarks.workload import Published
from tests.brokers.ports import free_ports

PARTITIONS = 8
LANES = ("lists", "profiles", "events")
"""Those that the backlogs fill."""

PAIR_PARTITIONS = 4
"""Of the audiences topic; `agents/topics.py`."""

WITHIN_S, WITHIN_S_PER_EVENT = 60.0, 0.005
"""A run that takes longer than this is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What is run alone: a hop, or one lane of the last.

    Attributes:
        name: Its consumer group's suffix, and its row of the table.
        hops: The settings' name for it.
        lane: The lane, of the last hop.
        partitions: How many it owns when ready.
    """

    name: str
    hops: str
    lane: str = ""
    partitions: int = PARTITIONS

    @property
    def env(self) -> dict[str, str]:
        """What makes a worker run it alone."""
        lanes = self.lane or ",".join(LANES)
        return {"KLAVIYO_STREAMS_HOPS": self.hops, "KLAVIYO_STREAMS_LANES": lanes}


def _lane(name: str) -> Hop:
    return Hop(
        name=f"deliver.{name}",
        hops="deliver",
        lane=name,
        partitions=PARTITIONS + PAIR_PARTITIONS,
    )


HOPS = (
    Hop(name="intake", hops="intake"),
    Hop(name="activate", hops="activate"),
    *(_lane(name) for name in LANES),
)
ALL = Hop(
    name="intake",
    hops="intake,activate,deliver",
    partitions=(2 + len(LANES)) * PARTITIONS + PAIR_PARTITIONS,
)
"""It reads what intake reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a worker took for a backlog published when it was ready.

    Attributes:
        wall_s: From the first record published to the last commit.
        cpu_s: The worker's, all threads, user and kernel.
        sandbox: What the sandbox counts in the end.
    """

    wall_s: float
    cpu_s: float
    sandbox: dict[str, Any]


_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A broker, a sandbox and topics of one run's own."""

    bootstrap: str
    sandbox: Sandbox
    home: Path
    app: str = field(default_factory=lambda: f"bench-{uuid.uuid4().hex[:8]}")

    @property
    def env(self) -> dict[str, str]:
        """A worker's settings."""
        return {
            "KLAVIYO_API_KEY": "bench",
            "KLAVIYO_STREAMS_APP_ID": self.app,
            "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KLAVIYO_STREAMS_KLAVIYO_URL": self.sandbox.url,
            "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{self.app}.source",
            "KLAVIYO_STREAMS_TOPIC_PARTITIONS": str(PARTITIONS),
            "KLAVIYO_STREAMS_TOPIC_PREFIX": f"{self.app}.",
            "KLAVIYO_STREAMS_LOG_LEVEL": "warning",
        }

    @property
    def settings(self) -> Settings:
        """The same, read."""
        return load(self.env, None, for_delivery=True)

    def worker(
        self, hop: Hop, *, number: int = 0, env: Mapping[str, str] = _NOTHING
    ) -> Worker:
        """Start a worker that runs a hop; it is ready when it has its share.

        Args:
            hop: What it runs.
            number: Of its team, from 0.
            env: Settings beside the stage's.
        """
        name = f"{self.app}.{hop.name}.{number}"
        told = {
            **self.env,
            **hop.env,
            "KLAVIYO_STREAMS_DATA_DIR": str(self.home / name),
            "KLAVIYO_STREAMS_WEB_PORT": str(free_ports(1)[0]),
            **env,
        }
        share = hop.partitions // (number + 1)
        return Worker(told, partitions=share, log=self.home / f"{name}.log")

    def reads(self, hop: Hop) -> str:
        """The topic a hop reads."""
        if hop.lane:
            return self.settings.topics.activations(hop.lane)
        intake = hop.name == "intake"
        return f"{self.app}.source" if intake else self.settings.topics.events

    @contextmanager
    def backlogs(self, *hops: Hop) -> Iterator[list[Backlog]]:
        """What each hop has left to do."""
        with ExitStack() as open_ones:
            found = []
            for hop in hops:
                group, topic = f"{self.app}.{hop.name}", self.reads(hop)
                backlog = Backlog(self.bootstrap, group=group, topic=topic)
                open_ones.callback(backlog.close)
                found.append(backlog)
            yield found


@contextmanager
def staged(bootstrap: str, home: Path) -> Iterator[Stage]:
    """Topics, and a sandbox that ends with the block."""
    with Sandbox(home / f"sandbox-{uuid.uuid4().hex[:8]}.log") as sandbox:
        stage = Stage(bootstrap=bootstrap, sandbox=sandbox, home=home)
        ensure(kafka_access(stage.settings), stage.settings)
        yield stage


def one_hop(
    stage: Stage, hop: Hop, records: Sequence[Published]
) -> tuple[Spent, dict[str, list[Published]]]:
    """Give a hop alone the records it reads.

    Returns:
        What it took; and what it wrote for each of the hops after it.
    """
    after = {"intake": HOPS[1:2], "activate": HOPS[2:]}.get(hop.name, ())
    with stage.backlogs(hop, *after) as (mine, *theirs):
        spent = _spent(stage, hop, records, backlogs=[mine])
        written = [backlog.read() for backlog in theirs]
    return spent, {hop.name: found for hop, found in zip(after, written, strict=True)}


def all_hops(stage: Stage, records: Sequence[Published], *, workers: int = 1) -> Spent:
    """Give workers with all hops the records of the source topic."""
    with stage.backlogs(*HOPS) as backlogs:
        return _spent(stage, ALL, records, backlogs=backlogs, workers=workers)


def _spent(
    stage: Stage,
    hop: Hop,
    records: Sequence[Published],
    *,
    backlogs: Sequence[Backlog],
    workers: int = 1,
) -> Spent:
    """Publish to ready workers and wait until every record has its outcome."""
    topic = stage.reads(hop)
    within_s = WITHIN_S + len(records) * WITHIN_S_PER_EVENT
    with ExitStack() as running:
        team = [
            running.enter_context(stage.worker(hop, number=number))
            for number in range(workers)
        ]
        began_s, began_cpu_s = time.monotonic(), sum(one.cpu_s for one in team)
        publish(stage.bootstrap, topic, records)
        await_empty(backlogs, team[0], within_s=within_s)
        return Spent(
            wall_s=time.monotonic() - began_s,
            cpu_s=sum(one.cpu_s for one in team) - began_cpu_s,
            sandbox=stage.sandbox.state(),
        )
