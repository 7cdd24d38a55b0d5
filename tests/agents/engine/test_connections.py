"""What a connection says that the broker has closed, on the loop a worker runs on."""

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
    await asyncio.sleep(0)  # the transport knows, who reads from it does not yet
    try:
        await connection.send(MetadataRequest([]))
    finally:
        assert not connection.connected()


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_a_request_to_a_broker_that_just_went_away_fails_as_kafka_s(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """Whoever asks is ready for Kafka's errors only: a commit would end the worker."""
    EngineApp("mends-connections")
    with (
        EmbeddedBroker() as broker,
        asyncio.Runner(loop_factory=loop) as runner,
        pytest.raises(KafkaConnectionError),
    ):
        runner.run(_send_after_close(broker.bootstrap))
