"""What every test may ask for, and what every test is held to."""

from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = ["tests.brokers.fixtures", "tests.judging.plugin"]


@pytest.fixture(autouse=True)
def _log_as_ever() -> Iterator[None]:
    """A command that a test runs in this process sets up the log of all of it."""
    yield
    structlog.reset_defaults()
