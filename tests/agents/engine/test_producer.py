"""Log of the producer when no broker can be reached."""

import asyncio

import pytest

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Producer
from tests.kafka.traps.services import running

_WAIT_S = 240.0


async def test_librdkafka_lines_are_logged_in_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A line names the broker and the reason; each facility has its own logger."""
    nowhere = KafkaAccess(bootstrap="127.0.0.1:9")

    async with running(Producer(nowhere)), asyncio.timeout(_WAIT_S):
        while not caplog.records:  # noqa: ASYNC110 - the log has no event
            await asyncio.sleep(0.05)

    line = caplog.records[0]
    assert (line.name, line.levelname) == ("librdkafka.FAIL", "ERROR")
    assert "127.0.0.1:9 failed: Connection refused" in line.getMessage()
