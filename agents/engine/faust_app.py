"""A Faust app whose Kafka side is this room's."""

import asyncio
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import faust
import structlog
from faust.app.base import BootStrategy
from mode import CrashingSupervisor
from mode.types import ServiceT

from agents.engine import connections
from agents.engine.reader import Reader
from streams.errors import EngineError

log = structlog.get_logger(__name__)

SUPPORTED_VERSIONS = {
    "faust-streaming": "0.15.3",
    "mode-streaming": "0.7.1",
    "aiokafka": "0.14.0",
}
"""This room leans on what these versions do inside; others must be measured first."""


def check_versions(installed: dict[str, str] | None = None) -> None:
    """Refuse to start on versions this room was not written for.

    Args:
        installed: Package -> version; None asks the environment.

    Raises:
        EngineError: One differs.
    """
    versions = installed or {
        package: version(package) for package in SUPPORTED_VERSIONS
    }
    for package, supported in SUPPORTED_VERSIONS.items():
        if versions[package] != supported:
            raise EngineError(
                f"{package} {versions[package]} is installed, the engine was written for "
                f"{supported}: pip install {package}=={supported}"
            )


class _ServiceOrder(BootStrategy):
    """Starts agents before the readers that feed them; stops them after."""

    def server(self) -> Iterable[ServiceT]:
        app: Any = self.app
        return self._chain(
            self.sensors(),
            app.base_services,
            self.web_server(),
            self.agents(),
            app.readers,
        )

    def tables(self) -> Iterable[ServiceT]:
        return []


class EngineApp(faust.App):
    """A Faust app fed by `Reader`s instead of Faust's consumer.

    Attributes:
        base_services: Services the agents need: producer, views, clients. Started first.
        readers: Started last, so that a drained shutdown finds its agents alive.
    """

    BootStrategy = _ServiceOrder

    def __init__(self, app_id: str, **options: Any) -> None:  # noqa: ANN401 - Faust's own settings, typed there
        check_versions()
        connections.patch_connections()
        super().__init__(
            app_id,
            broker="kafka://unused",
            agent_supervisor=CrashingSupervisor,
            topic_disable_leader=True,
            web_tables_enabled=False,
            web_router_enabled=False,
            **options,
        )
        self.base_services: list[ServiceT] = []
        self.readers: list[Reader] = []

    async def on_first_start(self) -> None:
        """Open Faust's channels, once and before any reader.

        Faust's consumer does it at its first assignment, and `resume` empties every
        queue: called again it would lose what a reader has just handed on (trap L4).
        """
        await super().on_first_start()
        self.flow_control.resume()

    async def on_stop(self) -> None:
        """Stop the readers side by side: each may wait for a request under way."""
        stops = (reader.stop() for reader in self.readers)
        for fault in await asyncio.gather(*stops, return_exceptions=True):
            if fault is not None:
                log.error("reader_not_stopped", error=str(fault))
        await super().on_stop()


def reader_poll_ages_s(app: EngineApp) -> list[tuple[str, float]]:
    """Seconds since each reader's last poll, of those not held back by their stage."""
    now_s = app.loop.time()
    return [
        (reader.options.name, now_s - reader.polled_at_s)
        for reader in app.readers
        if reader.polled_at_s and not reader.waiting_for_stage
    ]
