"""aiokafka's connections on uvloop, which refuses a write to one that is closed.

uvloop (0.22) raises RuntimeError there, asyncio's own loop keeps silent until the
reader finds out; aiokafka (0.14.0) is ready for OSError alone. Between the end of a
connection and its reader's next turn it ended a coordination, and would have ended
who commits.
"""

from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_ORIGINAL_SEND: Final = AIOKafkaConnection.send


def patch_connections() -> None:
    """Let every connection of this process fail as one that is broken."""
    AIOKafkaConnection.send = _send_or_raise_kafka_error


def _send_or_raise_kafka_error(
    self: AIOKafkaConnection,
    request: Any,  # noqa: ANN401 - as it is typed there
    expect_response: bool = True,  # noqa: FBT001, FBT002 - as it is called there
) -> Any:  # noqa: ANN401 - as it is typed there
    try:
        return _ORIGINAL_SEND(self, request, expect_response)
    except RuntimeError as failure:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        address = f"{self.host}:{self.port}"
        raise KafkaConnectionError(f"Connection at {address} closed") from failure
