"""Where a demo plays: a broker, topics, a sandbox and a worker, all its own."""

import json
import os
import re
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from agents.demo.errors import DemoError
from agents.demo.kafka_traffic import silent_logger
from agents.demo.subprocesses import CommandProcess
from agents.shared.context import kafka_access
from agents.shared.embedded_broker import PARTITIONS_PER_TOPIC, EmbeddedBroker
from agents.shared.topics import ensure_topics, topic_specs
from streams.settings import Settings, load_settings

JOB_S = 0.2
"""Length of an import job; Klaviyo's take seconds to minutes."""

ANSWER_S = 10.0

_OURS = "KLAVIYO_"
_KAFKA = "KLAVIYO_STREAMS_KAFKA_"
_READS = re.compile("table_recovered")
"""The worker logs it when it has joined its groups and may read."""

_URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a demo plays on.

    Attributes:
        settings: The worker's.
        sandbox: The local Klaviyo.
        worker: The one worker.
    """

    settings: Settings
    sandbox: CommandProcess
    worker: CommandProcess

    def fetch(self, topic: str) -> Any:  # noqa: ANN401 - JSON
        """What the sandbox answers under `/sandbox/<topic>`.

        Raises:
            DemoError: It does not.
        """
        return self._answer(topic, body=None)

    def store(self, topic: str, content: object) -> None:
        """Let the sandbox hold something from the beginning.

        Raises:
            DemoError: It does not take it.
        """
        self._answer(topic, body=json.dumps(content).encode())

    def _answer(self, topic: str, *, body: bytes | None) -> Any:  # noqa: ANN401 - JSON
        url = f"{self.settings.klaviyo_url}/sandbox/{topic}"
        try:
            with urllib.request.urlopen(url, body, ANSWER_S) as answer:  # noqa: S310 - our own server
                return json.load(answer)
        except OSError as fault:
            raise DemoError(f"the sandbox does not answer: {fault}") from fault

    def list_sizes(self) -> dict[str, int]:
        """List name -> members."""
        changes = self.fetch("changes")["lists"].values()
        return {
            one["name"]: one["effective_adds"] - one["effective_removals"]
            for one in changes
        }

    def check(self) -> None:
        """Make sure that both processes run.

        Raises:
            DemoError: One has ended.
        """
        self.sandbox.check()
        self.worker.check()


@contextmanager
def start_environment(kafka: str, home: Path) -> Iterator[Environment]:
    """Build the stage up, and take it down whatever happens.

    Args:
        kafka: `host:port,...` of a Kafka; empty for the embedded one.
        home: Directory for logs and data.

    Raises:
        DemoError: A part does not come up.
        ConfigError: The Kafka given does not let the topics be created.
    """
    with ExitStack() as stack:
        plain = _plain_environment(os.environ)
        sandbox = stack.enter_context(_sandbox(plain, home))
        broker = None if kafka else stack.enter_context(EmbeddedBroker())
        bootstrap = broker.bootstrap if broker else kafka
        passed = _kafka_environment(os.environ) if kafka else {}
        url = sandbox.wait_for_output(_URL)
        told = passed | worker_environment(bootstrap, klaviyo_url=url, home=home)
        settings = load_settings(told, None)
        if broker is not None:
            broker.create_topics(*(spec.name for spec in topic_specs(settings)))
        else:
            stack.callback(_leave_as_found, settings, _create_topics(settings))
        worker = stack.enter_context(_worker(plain | told, home))
        worker.wait_for_output(_READS)
        yield Environment(settings=settings, sandbox=sandbox, worker=worker)


def worker_environment(
    bootstrap: str, *, klaviyo_url: str, home: Path
) -> dict[str, str]:
    """The settings of a demo's worker: names nobody else uses, a key worth nothing."""
    app = f"klaviyo-streams-demo-{uuid.uuid4().hex[:8]}"
    return {
        "KLAVIYO_API_KEY": "demo",
        "KLAVIYO_STREAMS_APP_ID": app,
        "KLAVIYO_STREAMS_DATA_DIR": str(home / "data"),
        "KLAVIYO_STREAMS_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "KLAVIYO_STREAMS_KLAVIYO_URL": klaviyo_url,
        "KLAVIYO_STREAMS_SOURCE_TOPICS": f"{app}.source",
        "KLAVIYO_STREAMS_TABLE_STORE": "memory",
        "KLAVIYO_STREAMS_TOPIC_PARTITIONS": str(PARTITIONS_PER_TOPIC),
        "KLAVIYO_STREAMS_TOPIC_PREFIX": f"{app}.",
        "KLAVIYO_STREAMS_WEB_PORT": "0",
    }


def _plain_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Nobody's own settings and API key: what they are for is no demo."""
    kept = {name: text for name, text in environ.items() if _OURS not in name}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _kafka_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """How to be let in to a Kafka that is not the demo's."""
    return {name: text for name, text in environ.items() if name.startswith(_KAFKA)}


def _sandbox(env: Mapping[str, str], home: Path) -> CommandProcess:
    words = ("sandbox", "--port", "0", "--job-seconds", str(JOB_S))
    return CommandProcess(*words, env=env, log=home / "sandbox.log")


def _worker(env: Mapping[str, str], home: Path) -> CommandProcess:
    return CommandProcess(
        "worker", "--no-create-topics", env=env, log=home / "worker.log"
    )


def _create_topics(settings: Settings) -> list[str]:
    kafka = kafka_access(settings)
    try:
        AdminClient(kafka.librdkafka_options(), logger=silent_logger).list_topics(
            timeout=ANSWER_S
        )
        return ensure_topics(kafka, settings)
    except KafkaException as fault:
        where = settings.kafka_bootstrap_servers
        raise DemoError(
            f"no Kafka answers on {where}: {fault.args[0].str()}"
        ) from fault


def _leave_as_found(settings: Settings, topics: list[str]) -> None:
    """Take topics and groups off a Kafka that is not the demo's, if it allows that."""
    kafka = kafka_access(settings).librdkafka_options()
    admin = AdminClient(kafka, logger=silent_logger)
    found = admin.list_consumer_groups(request_timeout=ANSWER_S).result().valid
    names = [group.group_id for group in found]
    groups = [name for name in names if name.startswith(f"{settings.app_id}.")]
    dropped = [
        *(admin.delete_topics(topics).values() if topics else ()),
        *(admin.delete_consumer_groups(groups).values() if groups else ()),
    ]
    for done in dropped:
        done.exception()
