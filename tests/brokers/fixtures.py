"""The fixtures `kafka`, `durable_kafka`, `topic_prefix`, `own_kafka`, `three_brokers`.

`kafka` is shared by the whole run: a test names its topics and groups under
`topic_prefix`. `own_kafka` and `three_brokers` are the test's alone, to be stopped,
killed and restarted.
"""

import re
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.brokers import choice
from tests.brokers.interface import Broker, Stoppable

USED_BROKERS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep a place for what the terminal summary says."""
    config.stash[USED_BROKERS] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which broker the Kafka tests ran on."""
    used_brokers = config.stash[USED_BROKERS]
    for line in dict.fromkeys(used_brokers):
        terminalreporter.write_line(f"kafka: {line}")


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """The broker of this run."""
    began_s = time.monotonic()
    chosen = choice.choose_shared()
    assert chosen.broker is not None  # the embedded broker is always there
    took_s = time.monotonic() - began_s
    pytestconfig.stash[USED_BROKERS].append(f"{chosen}, up in {took_s:.1f} s")
    yield chosen.broker
    chosen.broker.close()


@pytest.fixture
def durable_kafka(kafka: Broker) -> Broker:
    """The broker of this run, when it is a real one."""
    if not kafka.durable:
        pytest.skip(f"needs a durable broker, and this run has {kafka.name}")
    return kafka


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix no other test has, ending in a dot; it names the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}."


@pytest.fixture
def own_kafka(pytestconfig: pytest.Config) -> Iterator[Stoppable]:
    """One private broker, real or the test is skipped."""
    yield from _private_broker(pytestconfig, brokers=1)


@pytest.fixture
def three_brokers(pytestconfig: pytest.Config) -> Iterator[Stoppable]:
    """Three private brokers, real or the test is skipped."""
    yield from _private_broker(pytestconfig, brokers=3)


def _private_broker(config: pytest.Config, *, brokers: int) -> Iterator[Stoppable]:
    chosen = choice.choose_private(brokers=brokers)
    if chosen.broker is None:
        pytest.skip(f"no broker to stop and kill: {chosen}")
    config.stash[USED_BROKERS].append(str(chosen))
    yield chosen.broker
    chosen.broker.close()
