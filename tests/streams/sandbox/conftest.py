"""A sandbox with a clock moved by hand, and a caller."""

from collections.abc import AsyncIterator

import pytest

from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.sandbox.api import ManualClock, SandboxApi


@pytest.fixture
def clock() -> ManualClock:
    """The sandbox's clock."""
    return ManualClock()


@pytest.fixture
async def klaviyo(clock: ManualClock) -> AsyncIterator[Sandbox]:
    """A sandbox without quotas: a job is queued for 1 s, then runs for 4 s."""
    config = SandboxConfig(quota_scale=None, job_queued_s=1.0, job_s=4.0, clock_s=clock)
    async with Sandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
async def api(klaviyo: Sandbox) -> AsyncIterator[SandboxApi]:
    """A caller of that sandbox."""
    async with SandboxApi(klaviyo.url) as caller:
        yield caller
