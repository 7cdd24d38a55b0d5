"""Pytest fixtures for brokers: shared, durable, private, and three of them.

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
    """Reserve storage for the lines of the terminal summary."""
    config.stash[USED_BROKERS] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print which brokers the Kafka tests ran on."""
    used_brokers = config.stash[USED_BROKERS]
    for line in dict.fromkeys(used_brokers):
        terminalreporter.write_line(f"kafka: {line}")


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """Return the shared broker of this run."""
    began_s = time.monotonic()
    chosen = choice.choose_shared()
    assert chosen.broker is not None  # the embedded broker is always there
    took_s = time.monotonic() - began_s
    pytestconfig.stash[USED_BROKERS].append(f"{chosen}, up in {took_s:.1f} s")
    yield chosen.broker
    chosen.broker.close()


@pytest.fixture
def durable_kafka(kafka: Broker) -> Broker:
    """Return the shared broker, or skip the test if it is the embedded one."""
    if not kafka.durable:
        pytest.skip(f"needs a durable broker, and this run has {kafka.name}")
    return kafka


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> str:
    """Return a unique prefix that names the test and ends in a dot."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:60]
    return f"{name}-{uuid.uuid4().hex[:8]}."


@pytest.fixture
def own_kafka(pytestconfig: pytest.Config) -> Iterator[Stoppable]:
    """Return one private real broker, or skip the test."""
    yield from _private_broker(pytestconfig, brokers=1)


@pytest.fixture
def three_brokers(pytestconfig: pytest.Config) -> Iterator[Stoppable]:
    """Return three private real brokers, or skip the test."""
    yield from _private_broker(pytestconfig, brokers=3)


def _private_broker(config: pytest.Config, *, brokers: int) -> Iterator[Stoppable]:
    chosen = choice.choose_private(brokers=brokers)
    if chosen.broker is None:
        pytest.skip(f"no broker to stop and kill: {chosen}")
    config.stash[USED_BROKERS].append(str(chosen))
    yield chosen.broker
    chosen.broker.close()
