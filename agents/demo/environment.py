"""Environment of a demo: separate broker, topics, sandbox and worker."""

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

from agents.demo.kafka_traffic import silent_logger
from agents.demo.subprocesses import CommandProcess, DemoError
from agents.shared.context import kafka_access
from agents.shared.embedded_broker import PARTITIONS_PER_TOPIC, EmbeddedBroker
from agents.shared.topics import ensure_topics, topic_specs
from streams.settings import Settings, load_settings

JOB_S = 0.2
"""Duration of an import job; in Klaviyo jobs take seconds to minutes."""

ANSWER_S = 10.0

_SETTINGS_PREFIX = "KLAVIYO_"
_KAFKA_PREFIX = "KLAVIYO_STREAMS_KAFKA_"
_READY = re.compile("table_recovered")
"""Log event of a worker that has joined its groups and starts reading."""

_URL = re.compile(r"http://127\.0\.0\.1:[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Settings and processes of a running demo.

    Attributes:
        settings: Settings of the worker.
        sandbox: Process of the local Klaviyo.
        worker: Process of the worker.
    """

    settings: Settings
    sandbox: CommandProcess
    worker: CommandProcess

    def fetch(self, topic: str) -> Any:  # noqa: ANN401 - JSON
        """Fetch the JSON page `/sandbox/<topic>` of the sandbox.

        Raises:
            DemoError: The sandbox does not respond.
        """
        return self._request(topic, body=None)

    def store(self, topic: str, content: object) -> None:
        """Store initial data in the sandbox.

        Raises:
            DemoError: The sandbox does not accept the data.
        """
        self._request(topic, body=json.dumps(content).encode())

    def _request(self, topic: str, *, body: bytes | None) -> Any:  # noqa: ANN401 - JSON
        url = f"{self.settings.klaviyo_url}/sandbox/{topic}"
        try:
            with urllib.request.urlopen(url, body, ANSWER_S) as response:  # noqa: S310 - our own server
                return json.load(response)
        except OSError as error:
            raise DemoError(f"the sandbox does not respond: {error}") from error

    def list_sizes(self) -> dict[str, int]:
        """Return the number of members of each list."""
        changes = self.fetch("changes")["lists"].values()
        return {
            change["name"]: change["effective_adds"] - change["effective_removals"]
            for change in changes
        }

    def check(self) -> None:
        """Raise an error if a process has exited.

        Raises:
            DemoError: A process has exited.
        """
        self.sandbox.check()
        self.worker.check()


@contextmanager
def start_environment(kafka: str, home: Path) -> Iterator[Environment]:
    """Start broker, sandbox and worker, and stop all three at the end of the block.

    Args:
        kafka: `host:port,...` of the user's Kafka; empty for the embedded broker.
        home: Directory for logs and data.

    Raises:
        DemoError: A process does not start.
        ConfigError: The user's Kafka refuses to create the topics.
    """
    with ExitStack() as stack:
        base = _plain_environment(os.environ)
        sandbox = stack.enter_context(_sandbox(base, home))
        broker = None if kafka else stack.enter_context(EmbeddedBroker())
        bootstrap = broker.bootstrap if broker else kafka
        access = _kafka_environment(os.environ) if kafka else {}
        url = sandbox.wait_for_output(_URL)
        environ = access | worker_environment(bootstrap, klaviyo_url=url, home=home)
        settings = load_settings(environ, None)
        if broker is not None:
            broker.create_topics(*(spec.name for spec in topic_specs(settings)))
        else:
            stack.callback(_delete_topics, settings, _create_topics(settings))
        worker = stack.enter_context(_worker(base | environ, home))
        worker.wait_for_output(_READY)
        yield Environment(settings=settings, sandbox=sandbox, worker=worker)


def worker_environment(
    bootstrap: str, *, klaviyo_url: str, home: Path
) -> dict[str, str]:
    """Return a worker's settings, with unique names and a dummy API key."""
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
    """Return the environment without the user's own settings and API key."""
    others = {
        name: text for name, text in environ.items() if _SETTINGS_PREFIX not in name
    }
    return others | {"PYTHONUNBUFFERED": "1"}


def _kafka_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the user's settings for access to Kafka."""
    return {
        name: text for name, text in environ.items() if name.startswith(_KAFKA_PREFIX)
    }


def _sandbox(env: Mapping[str, str], home: Path) -> CommandProcess:
    arguments = ("sandbox", "--port", "0", "--job-seconds", str(JOB_S))
    return CommandProcess(*arguments, env=env, log=home / "sandbox.log")


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
    except KafkaException as error:
        servers = settings.kafka_bootstrap_servers
        problem = f"no Kafka answers on {servers}: {error.args[0].str()}"
        raise DemoError(problem) from error


def _delete_topics(settings: Settings, topics: list[str]) -> None:
    """Delete topics and groups from the user's Kafka, as far as permissions allow."""
    kafka = kafka_access(settings).librdkafka_options()
    admin = AdminClient(kafka, logger=silent_logger)
    listed = admin.list_consumer_groups(request_timeout=ANSWER_S).result().valid
    names = [group.group_id for group in listed]
    groups = [name for name in names if name.startswith(f"{settings.app_id}.")]
    deletions = [
        *(admin.delete_topics(topics).values() if topics else ()),
        *(admin.delete_consumer_groups(groups).values() if groups else ()),
    ]
    for deletion in deletions:
        deletion.exception()  # waits; a refusal is not worth a failed demo
