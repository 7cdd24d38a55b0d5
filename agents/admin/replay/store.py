"""Store of replays in the replays topic: progress, and requests to stop."""

from collections.abc import Mapping

import msgspec

from agents.admin.changelog import read_compacted_topic
from agents.admin.publisher import RecordPublisher
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.shared.context import stop_key
from streams.errors import ConfigError
from streams.replay.state import ReplayState, ReplayStatus, decode_state, encode_state
from streams.settings import Settings


class ReplayStore:
    """Store that reads and writes rows of the replays topic.

    Args:
        kafka: Broker addresses and credentials.
        settings: Names of topics.
    """

    def __init__(self, kafka: KafkaAccess, settings: Settings) -> None:
        self._kafka = kafka
        self._topic = settings.topics.replays
        self._publisher = RecordPublisher(kafka)

    def read_all(self) -> list[ReplayState]:
        """Return every replay, the latest first, with status STOPPED after a stop."""
        rows = self._read_rows()
        states = [
            _parse_state(replay_key, row, rows) for replay_key, row in rows.items()
        ]
        readable = [state for state in states if state is not None]
        return sorted(readable, key=lambda state: state.started_ms, reverse=True)

    def read(self, replay: str) -> ReplayState:
        """Return the state of a replay.

        Raises:
            ConfigError: No replay has this id.
        """
        rows = self._read_rows()
        state = _parse_state(replay.encode(), rows.get(replay.encode(), b""), rows)
        if state is None:
            raise ConfigError(
                [f"replay {replay}: unknown id; see: klaviyo-streams replay --list"]
            )
        return state

    def is_stopped(self, replay: str) -> bool:
        """Return True if an operator has stopped the replay."""
        return stop_key(replay) in self._read_rows()

    def save(self, state: ReplayState) -> None:
        """Save the state of a replay; durable on return."""
        self._put(state.id.encode(), encode_state(state))

    def stop(self, replay: str) -> None:
        """Stop a replay; the stages drop the records that are still on the way."""
        self._put(stop_key(replay), b"1")

    def clear_stop(self, replay: str) -> None:
        """Clear the request to stop a replay."""
        self._put(stop_key(replay), None)

    def _put(self, key: bytes, value: bytes | None) -> None:
        self._publisher.publish([Message(self._topic, key, value, partition=0)])

    def _read_rows(self) -> dict[bytes, bytes]:
        return read_compacted_topic(self._kafka, self._topic)


def _parse_state(
    replay_key: bytes, row: bytes, rows: Mapping[bytes, bytes]
) -> ReplayState | None:
    try:
        state = decode_state(row)
    except msgspec.MsgspecError:
        return None
    if stop_key(replay_key.decode()) in rows:
        return msgspec.structs.replace(state, status=ReplayStatus.STOPPED)
    return state
