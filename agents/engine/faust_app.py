"""Faust app on this package's Kafka consumers, producer and tables.

It also patches aiokafka's connections for uvloop. uvloop (0.22) raises RuntimeError on
a write to a closed connection, where asyncio's own loop stays silent until the reader
notices; aiokafka (0.14.0) handles only OSError. Between the end of a connection and the
reader's next step that error ended a group coordination, and would have ended whoever
was committing.
"""

import asyncio
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

import faust
import structlog
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from faust.app.base import BootStrategy
from mode import CrashingSupervisor
from mode.types import ServiceT

from agents.engine.reader import Reader
from streams.errors import EngineError

log = structlog.get_logger(__name__)

SUPPORTED_VERSIONS = {
    "faust-streaming": "0.15.3",
    "mode-streaming": "0.7.1",
    "aiokafka": "0.14.0",
}
"""This package depends on internals of these versions; measure others before use."""

_ORIGINAL_SEND: Final = AIOKafkaConnection.send
_ORIGINAL_CLOSE: Final = AIOKafkaConnection.close

TLS_CLOSE_S: Final = 1.0
"""Ours: how long a closed TLS connection waits for the broker's goodbye. Kafka 4.1.1
sends none, and the event loop would wait for 30 s while a worker stops."""


def check_versions(installed: dict[str, str] | None = None) -> None:
    """Refuse to start on versions the engine was not written for.

    Args:
        installed: Package -> version; None asks the environment.

    Raises:
        EngineError: A version differs.
    """
    versions = installed or {
        package: version(package) for package in SUPPORTED_VERSIONS
    }
    for package, supported in SUPPORTED_VERSIONS.items():
        if versions[package] != supported:
            raise EngineError(
                f"{package} {versions[package]} is installed, but the engine was "
                f"written for {supported}: pip install {package}=={supported}"
            )


def patch_connections() -> None:
    """Make aiokafka report a write to a closed connection, and end one with TLS."""
    AIOKafkaConnection.send = _send_or_raise_kafka_error
    AIOKafkaConnection.close = _close_soon


def _close_soon(
    self: AIOKafkaConnection,
    reason: CloseReason | None = None,
    exc: BaseException | None = None,
) -> Any:  # noqa: ANN401 - aiokafka's own signature
    writer = self._writer
    closed = _ORIGINAL_CLOSE(self, reason, exc)
    if writer is not None and self._security_protocol.endswith("SSL"):
        self._loop.call_later(TLS_CLOSE_S, writer.transport.abort)
    return closed


def _send_or_raise_kafka_error(
    self: AIOKafkaConnection,
    request: Any,  # noqa: ANN401 - aiokafka's own signature
    expect_response: bool = True,  # noqa: FBT001, FBT002 - aiokafka's own signature
) -> Any:  # noqa: ANN401 - aiokafka's own signature
    try:
        return _ORIGINAL_SEND(self, request, expect_response)
    except RuntimeError as failure:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        address = f"{self.host}:{self.port}"
        raise KafkaConnectionError(f"Connection at {address} closed") from failure


class _ServiceOrder(BootStrategy):
    """Start order: agents before the readers that feed agents; stop order: reversed.

    The web server comes first: a worker that waits for Kafka is alive, and says so.
    """

    def server(self) -> Iterable[ServiceT]:
        app: Any = self.app
        return self._chain(
            self.sensors(),
            self.web_server(),
            app.base_services,
            self.agents(),
            app.readers,
        )

    def tables(self) -> Iterable[ServiceT]:
        return []


class EngineApp(faust.App):
    """Faust app fed by `Reader`s instead of Faust's consumer.

    Attributes:
        base_services: Producer, global tables, clients: started before the agents.
        readers: Started last, so that an orderly shutdown finds the agents running.
    """

    BootStrategy = _ServiceOrder

    def __init__(self, app_id: str, **options: Any) -> None:  # noqa: ANN401 - Faust's own settings, typed there
        check_versions()
        patch_connections()
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
        """Open Faust's channels once, before any reader starts.

        Faust's consumer opens them at its first assignment. The call, `resume`, empties
        every queue: made later it would lose the batch a reader has just handed over.
        """
        await super().on_first_start()
        self.flow_control.resume()

    async def on_stop(self) -> None:
        """Stop all readers concurrently: each may wait for a request in progress."""
        stops = (reader.stop() for reader in self.readers)
        for fault in await asyncio.gather(*stops, return_exceptions=True):
            if fault is not None:
                log.error("reader_not_stopped", error=str(fault))
        await super().on_stop()


def reader_poll_ages_s(app: EngineApp) -> list[tuple[str, float]]:
    """Return name and seconds since the last poll for each reader that should poll.

    A reader that waits for its stage to take a batch is left out, as is a reader that
    has not polled yet.
    """
    now_s = app.loop.time()
    return [
        (reader.options.name, now_s - reader.polled_at_s)
        for reader in app.readers
        if reader.polled_at_s and not reader.waiting_for_stage
    ]
