"""Write to a connection that the broker has closed, on each event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from agents.engine.faust_app import EngineApp
from agents.shared.embedded_broker import EmbeddedBroker


async def _send_after_close(bootstrap: str) -> None:
    host, port = bootstrap.split(":")
    connection: Any = await create_conn(host, int(port))
    connection._writer.transport.abort()  # noqa: SLF001 - as the kernel does it
    await asyncio.sleep(0)  # the transport knows of it, its reader not yet
    try:
        await connection.send(MetadataRequest([]))
    finally:
        assert not connection.connected()


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_request_after_the_broker_closed_fails_with_a_kafka_error(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Callers handle Kafka's errors only: any other error would end the worker."""
    EngineApp("mends-connections")
    with (
        EmbeddedBroker() as broker,
        asyncio.Runner(loop_factory=loop) as runner,
        pytest.raises(KafkaConnectionError),
    ):
        runner.run(_send_after_close(broker.bootstrap))
