"""Fixtures: a sandbox with a manual clock, and an HTTP client."""

from collections.abc import AsyncIterator

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.sandbox.api import ManualClock, SandboxApi


@pytest.fixture
def clock() -> ManualClock:
    """Return the clock of the sandbox."""
    return ManualClock()


@pytest.fixture
async def klaviyo(clock: ManualClock) -> AsyncIterator[Sandbox]:
    """Run a sandbox without quotas: a job is queued for 1 s, then runs for 4 s."""
    config = SandboxConfig(quota_scale=None, job_queued_s=1.0, job_s=4.0, clock_s=clock)
    async with Sandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
async def api(klaviyo: Sandbox) -> AsyncIterator[SandboxApi]:
    """Return an HTTP client of the sandbox."""
    async with SandboxApi(klaviyo.url) as caller:
        yield caller
