"""Fixtures and settings for every test."""

import gc
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.brokers.fixtures",
    "tests.brokers.sharing",
    "tests.registry.fixtures",
    "tests.judging.plugin",
    "tests.support.postgres",
]


settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")
"""Disables hypothesis's time limits: no test may fail because a machine is slow."""


gc.set_threshold(20_000, 20, 50)
"""Allocations between two garbage collections. With Python's default of 700 a fifth of
the CPU went into looking through the collected tests again and again."""


def pytest_collection_finish() -> None:
    """Keep the collected tests out of all later garbage collections."""
    gc.freeze()


UNTRACED_MARKERS = ("no_cover", "kafka", "slow", "hypothesis")
"""Markers of the tests without coverage.

Traced code needs two to three times the CPU. These tests run the same lines again and
again, and the quick tests cover them.
"""


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Trace no line during the tests that run long.

    `pytest-cov` does it only in a run without xdist: a test process of xdist has two
    collectors, and when one stops, the other one continues.
    """
    if not any(map(item.get_closest_marker, UNTRACED_MARKERS)):
        return (yield)
    tracers = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracers[0])
        threading.settrace(tracers[1])


@pytest.fixture(autouse=True)
def _reset_logging() -> Iterator[None]:
    """Undo logging that a command under test has configured."""
    yield
    structlog.reset_defaults()
