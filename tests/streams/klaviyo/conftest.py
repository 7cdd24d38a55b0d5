"""The sandbox, a client pointed at it, and what the client told its observer."""

from collections.abc import AsyncIterator

import pytest

from streams.klaviyo.client import KlaviyoClient
from streams.klaviyo.status import LaneStatus
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that client and sandbox share."""
    return FakeClock()


@pytest.fixture
def told() -> list[LaneStatus]:
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
    klaviyo: Sandbox, clock: FakeClock, told: list[LaneStatus]
) -> AsyncIterator[KlaviyoClient]:
    """Give a client of the sandbox."""
    async with KlaviyoClient(
        api_key=KEY, timing=clock.timing(), base_url=klaviyo.url, watch=told.append
    ) as client:
        yield client
