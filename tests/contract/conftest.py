"""Sandbox in a separate thread, for a blocking client."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator

import pytest
from klaviyo_api import KlaviyoAPI

from streams.sandbox import Sandbox, SandboxConfig

_WAIT_S = 240.0


class ThreadedSandbox:
    """Runs a sandbox on a loop in a thread.

    Args:
        config: The sandbox's choices.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.sandbox = Sandbox(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        """Start the thread and then the server."""
        self._thread.start()
        self._run(self.sandbox.start())

    def stop(self) -> None:
        """Stop the server, then the thread."""
        self._run(self.sandbox.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT_S)
        self._loop.close()

    def _run(self, work: Coroutine[object, object, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_WAIT_S)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox without quotas, with immediate jobs."""
    threaded = ThreadedSandbox(
        SandboxConfig(quota_scale=None, job_queued_s=0.0, job_s=0.0)
    )
    threaded.start()
    yield threaded.sandbox
    threaded.stop()


@pytest.fixture
def sdk(sandbox: Sandbox) -> Iterator[KlaviyoAPI]:
    """Return Klaviyo's SDK client for the sandbox."""
    client = KlaviyoAPI("a-key", max_delay=1, max_retries=1, test_host=sandbox.url)
    yield client
    client.api_client.rest_client.pool_manager.clear()
