"""The sandbox, a client pointed at it, and what the client told its observer."""

from collections.abc import AsyncIterator

import pytest

from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.status import EndpointStatus
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that client and sandbox share."""
    return FakeClock()


@pytest.fixture
def observed_statuses() -> list[EndpointStatus]:
    """Give what the client tells its observer."""
    return []


@pytest.fixture
async def klaviyo(clock: FakeClock) -> AsyncIterator[Sandbox]:
    """Give a sandbox without quotas."""
    config = SandboxConfig(quota_scale=None, clock_s=clock.read)
    async with Sandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
async def client(
    klaviyo: Sandbox, clock: FakeClock, observed_statuses: list[EndpointStatus]
) -> AsyncIterator[KlaviyoClient]:
    """Give a client of the sandbox."""
    async with KlaviyoClient(
        api_key=KEY,
        clock=clock.as_clock(),
        base_url=klaviyo.url,
        on_status_change=observed_statuses.append,
    ) as client:
        yield client
