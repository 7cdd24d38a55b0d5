"""Fixtures: sandbox, client, and reported endpoint statuses."""

from collections.abc import AsyncIterator

import pytest

from streams.klaviyo.api.client import EndpointStatus, KlaviyoClient
from streams.sandbox import Sandbox, SandboxConfig
from tests.streams.klaviyo.fakes import KEY, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock for client and sandbox."""
    return FakeClock()


@pytest.fixture
def observed_statuses() -> list[EndpointStatus]:
    """Return the list of statuses that the client reports."""
    return []


@pytest.fixture
async def klaviyo(clock: FakeClock) -> AsyncIterator[Sandbox]:
    """Run a sandbox without quotas."""
    config = SandboxConfig(quota_scale=None, clock_s=clock.read)
    async with Sandbox(config) as sandbox:
        yield sandbox


@pytest.fixture
async def client(
    klaviyo: Sandbox, clock: FakeClock, observed_statuses: list[EndpointStatus]
) -> AsyncIterator[KlaviyoClient]:
    """Run a client for the sandbox."""
    async with KlaviyoClient(
        api_key=KEY,
        clock=clock.as_clock(),
        base_url=klaviyo.url,
        on_status_change=observed_statuses.append,
    ) as client:
        yield client
