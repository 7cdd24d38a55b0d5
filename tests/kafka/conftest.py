"""Harness fixtures for tests that run workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.interface import Broker, Stoppable
from tests.kafka.traps.worker_harness import WorkerHarness


@pytest.fixture
def harness(
    durable_kafka: Broker, topic_prefix: str, tmp_path: Path
) -> Iterator[WorkerHarness]:
    """Return topics and workers of one test, on the shared broker."""
    harness = WorkerHarness(durable_kafka, prefix=topic_prefix, home=tmp_path)
    yield harness
    harness.close()


@pytest.fixture
def own_harness(own_kafka: Stoppable, tmp_path: Path) -> Iterator[WorkerHarness]:
    """Return topics and workers of one test, on a private broker."""
    harness = WorkerHarness(own_kafka, prefix="own.", home=tmp_path)
    yield harness
    harness.close()
