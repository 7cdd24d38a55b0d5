"""Frozen broker: it keeps every connection and answers none."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.brokers.interface import Broker
from tests.brokers.jvm import JvmKafka


@contextmanager
def frozen(broker: Broker, *, node: int = 0) -> Iterator[None]:
    """Freeze a node's process during the block; skip the test without a process."""
    if not isinstance(broker, JvmKafka):
        pytest.skip(f"{broker.name} has no process here to freeze")
    pid = broker.pid(node=node)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
