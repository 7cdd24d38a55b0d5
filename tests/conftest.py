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


UNTRACED_MARKERS = ("kafka", "slow", "hypothesis")
"""Markers of the tests without coverage.

Traced code needs twice the CPU. These tests run the same lines again and again, and the
quick tests cover them.
"""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pause coverage during the tests that run long."""
    for item in items:
        if any(map(item.get_closest_marker, UNTRACED_MARKERS)):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def _reset_logging() -> Iterator[None]:
    """Undo logging that a command under test has configured."""
    yield
    structlog.reset_defaults()
