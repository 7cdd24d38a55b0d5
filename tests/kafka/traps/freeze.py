"""A broker that stands still: it has every connection and answers none."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.brokers.interface import Broker
from tests.brokers.jvm import JvmKafka


@contextmanager
def frozen(broker: Broker, *, node: int = 0) -> Iterator[None]:
    """Stop a node's process for the time of the block; without one, skip the test."""
    if not isinstance(broker, JvmKafka):
        pytest.skip(f"{broker.name} has no process here to freeze")
    pid = broker.pid(node=node)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
