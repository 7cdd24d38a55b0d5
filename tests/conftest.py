"""What every test may ask for, and what every test is held to."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.brokers.fixtures",
    "tests.brokers.sharing",
    "tests.judging.plugin",
]


settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
"""Tests run side by side on what machine there is: none fails for being slow."""


@pytest.fixture(autouse=True)
def _reset_logging() -> Iterator[None]:
    """A command that a test runs in this process sets up the log of all of it."""
    yield
    structlog.reset_defaults()
