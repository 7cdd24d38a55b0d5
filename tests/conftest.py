"""Fixtures and settings for every test."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.brokers.fixtures",
    "tests.brokers.sharing",
    "tests.judging.plugin",
    "tests.support.postgres",
]


settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
"""Disables hypothesis's time limits: no test may fail because a machine is slow."""


@pytest.fixture(autouse=True)
def _reset_logging() -> Iterator[None]:
    """Undo logging that a command under test has configured."""
    yield
    structlog.reset_defaults()
