"""Klaviyo client, built from the settings and run as a service of the worker."""

import asyncio
import random
import time
from collections.abc import Callable

from mode import Service

from streams.errors import ConfigError
from streams.klaviyo.api.client import KlaviyoClient
from streams.klaviyo.api.connection import Connection
from streams.klaviyo.api.results import Attempt
from streams.rate_limiting.limiter import Clock
from streams.settings import Settings


def create_klaviyo_client(
    settings: Settings, *, on_attempt: Callable[[Attempt], None] | None = None
) -> KlaviyoClient:
    """Build a Klaviyo client from the settings, on the real clock.

    Args:
        settings: Settings of the worker or the command.
        on_attempt: Called after each attempt to send a request.

    Raises:
        ConfigError: The API key is missing, or a setting for Klaviyo is wrong.
    """
    if not settings.klaviyo_api_key:
        fix = "set KLAVIYO_API_KEY, or klaviyo_api_key_file to the file that holds it"
        raise ConfigError([f"klaviyo_api_key: missing; {fix}"])
    clock = Clock(monotonic_s=time.monotonic, sleep=asyncio.sleep, rng=random.random)
    return KlaviyoClient(
        api_key=settings.klaviyo_api_key.reveal(),
        clock=clock,
        base_url=settings.klaviyo_url,
        quota_scale=settings.klaviyo_quota_scale,
        connection=klaviyo_connection(settings),
        on_attempt=on_attempt,
    )


def klaviyo_connection(settings: Settings) -> Connection:
    """Return the way to Klaviyo that the settings name."""
    return Connection(
        proxy=settings.klaviyo_proxy,
        proxy_credentials=settings.klaviyo_proxy_credentials,
        source_address=settings.klaviyo_source_address,
        ca_file=settings.klaviyo_ca_file,
    )


class KlaviyoService(Service):
    """Service that opens the client's connections before the stages start."""

    def __init__(self, client: KlaviyoClient) -> None:
        super().__init__()
        self._client = client

    async def on_start(self) -> None:
        """Open the client's connections."""
        await self._client.__aenter__()

    async def on_stop(self) -> None:
        """Close the client's connections."""
        await self._client.__aexit__(None, None, None)
