"""The two kinds of runs: one stage alone, and all stages in one worker."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.shared.context import kafka_access
from agents.shared.topics import ensure_topics
from streams.settings import Settings, load_settings
from tests.benchmarks.backlog import Backlog, await_empty, publish
from tests.benchmarks.processes import Sandbox, Worker
from tests.benchmarks.workload import Published
from tests.brokers.ports import free_ports

PARTITIONS = 8
LANES = ("lists", "profiles", "events")
"""Those that the backlogs fill."""

RESOLVER_PARTITIONS = 4
"""Of the list-requests topic; `agents/shared/topics.py`."""

WITHIN_S, WITHIN_S_PER_EVENT = 60.0, 0.005
"""A run that takes longer than this is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Stage, or one lane of the last stage, that runs alone.

    Attributes:
        name: Its consumer group's suffix, and its row of the table.
        stages: The settings' name for it.
        lane: The lane, of the last stage.
        partitions: How many it owns when ready.
    """

    name: str
    stages: str
    lane: str = ""
    partitions: int = PARTITIONS

    @property
    def env(self) -> dict[str, str]:
        """Settings of a worker that runs this stage alone."""
        lanes = self.lane or ",".join(LANES)
        return {"KLAVIYO_STREAMS_STAGES": self.stages, "KLAVIYO_STREAMS_LANES": lanes}


def _lane(name: str) -> Stage:
    return Stage(
        name=f"deliver.{name}",
        stages="deliver",
        lane=name,
        partitions=PARTITIONS + RESOLVER_PARTITIONS,
    )


STAGES = (
    Stage(name="intake", stages="intake"),
    Stage(name="activate", stages="activate"),
    *(_lane(name) for name in LANES),
)
ALL = Stage(
    name="intake",
    stages="intake,activate,deliver",
    partitions=(2 + len(LANES)) * PARTITIONS + RESOLVER_PARTITIONS,
)
"""It reads what intake reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Time that a ready worker took for a backlog.

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
class Environment:
    """A broker, a sandbox and topics of one run's own."""

    bootstrap: str
    sandbox: Sandbox
    home: Path
    app: str = field(default_factory=lambda: f"bench-{uuid.uuid4().hex[:8]}")

    @property
    def env(self) -> dict[str, str]:
        """Settings of a worker as environment variables."""
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
        """Settings of a worker as an object."""
        return load_settings(self.env, None, for_delivery=True)

    def worker(
        self, stage: Stage, *, number: int = 0, env: Mapping[str, str] = _NOTHING
    ) -> Worker:
        """Start a worker that runs a stage; it is ready when it has its share.

        Args:
            stage: What it runs.
            number: Of its team, from 0.
            env: Settings beside the stage's.
        """
        name = f"{self.app}.{stage.name}.{number}"
        environ = {
            **self.env,
            **stage.env,
            "KLAVIYO_STREAMS_DATA_DIR": str(self.home / name),
            "KLAVIYO_STREAMS_WEB_PORT": str(free_ports(1)[0]),
            **env,
        }
        share = stage.partitions // (number + 1)
        return Worker(environ, partitions=share, log=self.home / f"{name}.log")

    def reads(self, stage: Stage) -> str:
        """The topic a stage reads."""
        if stage.lane:
            return self.settings.topics.activations[stage.lane]
        intake = stage.name == "intake"
        return f"{self.app}.source" if intake else self.settings.topics.events

    @contextmanager
    def backlogs(self, *stages: Stage) -> Iterator[list[Backlog]]:
        """Return the lag of each stage."""
        with ExitStack() as open_ones:
            found = []
            for stage in stages:
                group, topic = f"{self.app}.{stage.name}", self.reads(stage)
                backlog = Backlog(self.bootstrap, group=group, topic=topic)
                open_ones.callback(backlog.close)
                found.append(backlog)
            yield found


@contextmanager
def start_environment(bootstrap: str, home: Path) -> Iterator[Environment]:
    """Topics, and a sandbox that ends with the block."""
    with Sandbox(home / f"sandbox-{uuid.uuid4().hex[:8]}.log") as sandbox:
        environment = Environment(bootstrap=bootstrap, sandbox=sandbox, home=home)
        ensure_topics(kafka_access(environment.settings), environment.settings)
        yield environment


def one_stage(
    environment: Environment, stage: Stage, records: Sequence[Published]
) -> tuple[Spent, dict[str, list[Published]]]:
    """Give a stage alone the records it reads.

    Returns:
        What it took; and what it wrote for each of the stages after it.
    """
    after = {"intake": STAGES[1:2], "activate": STAGES[2:]}.get(stage.name, ())
    with environment.backlogs(stage, *after) as (mine, *theirs):
        spent = _spent(environment, stage, records, backlogs=[mine])
        written = [backlog.read() for backlog in theirs]
    return spent, {
        stage.name: found for stage, found in zip(after, written, strict=True)
    }


def all_stages(
    environment: Environment, records: Sequence[Published], *, workers: int = 1
) -> Spent:
    """Give workers with all stages the records of the source topic."""
    with environment.backlogs(*STAGES) as backlogs:
        return _spent(environment, ALL, records, backlogs=backlogs, workers=workers)


def _spent(
    environment: Environment,
    stage: Stage,
    records: Sequence[Published],
    *,
    backlogs: Sequence[Backlog],
    workers: int = 1,
) -> Spent:
    """Publish to ready workers and wait until every record has its outcome."""
    topic = environment.reads(stage)
    within_s = WITHIN_S + len(records) * WITHIN_S_PER_EVENT
    with ExitStack() as running:
        team = [
            running.enter_context(environment.worker(stage, number=number))
            for number in range(workers)
        ]
        began_s, began_cpu_s = time.monotonic(), sum(one.cpu_s for one in team)
        publish(environment.bootstrap, topic, records)
        await_empty(backlogs, team[0], within_s=within_s)
        return Spent(
            wall_s=time.monotonic() - began_s,
            cpu_s=sum(one.cpu_s for one in team) - began_cpu_s,
            sandbox=environment.sandbox.state(),
        )
