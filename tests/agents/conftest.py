"""Fixtures for tests with lanes in this process."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from agents.lanes import service


@pytest.fixture(scope="module")
def few_ticks() -> Iterator[None]:
    """Look for batches less often: the clock skips, but each tick costs time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "IDLE_TICK_S", 0.25)
        yield


@pytest.fixture
def quiet_logs() -> None:
    """Drop the logs of the workers: thousands of lines."""
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
