"""The Klaviyo client as a service of the worker."""

import asyncio
import random
import time

from mode import Service

from streams.errors import ConfigError
from streams.klaviyo.api.client import KlaviyoClient
from streams.rate_limiting.limiter import Clock
from streams.settings import Settings


def create_klaviyo_client(settings: Settings) -> KlaviyoClient:
    """A client as the settings say, on the real clock.

    Raises:
        ConfigError: There is no key, or it cannot be one.
    """
    if not settings.klaviyo_api_key:
        fix = "set KLAVIYO_API_KEY, or klaviyo_api_key_file to the file that holds it"
        raise ConfigError([f"klaviyo_api_key: missing; {fix}"])
    timing = Clock(monotonic_s=time.monotonic, sleep=asyncio.sleep, rng=random.random)
    return KlaviyoClient(
        api_key=settings.klaviyo_api_key.reveal(),
        clock=timing,
        base_url=settings.klaviyo_url,
        quota_scale=settings.klaviyo_quota_scale,
    )


class KlaviyoService(Service):
    """Opens the client's connections before the stages start, closes them after."""

    def __init__(self, client: KlaviyoClient) -> None:
        super().__init__()
        self._client = client

    async def on_start(self) -> None:
        """Open."""
        await self._client.__aenter__()

    async def on_stop(self) -> None:
        """Close."""
        await self._client.__aexit__(None, None, None)
