"""A lab for the tests that run workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.brokers.face import Broker, Stoppable
from tests.kafka.traps.lab import Lab


@pytest.fixture
def lab(durable_kafka: Broker, topic_prefix: str, tmp_path: Path) -> Iterator[Lab]:
    """Topics and workers of one test, on the broker of this run."""
    lab = Lab(durable_kafka, prefix=topic_prefix, home=tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def own_lab(own_kafka: Stoppable, tmp_path: Path) -> Iterator[Lab]:
    """The same on a broker of the test's own, to be broken."""
    lab = Lab(own_kafka, prefix="own.", home=tmp_path)
    yield lab
    lab.close()
