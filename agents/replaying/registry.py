"""The replays topic: what is written of replays, and who is stopped."""

from collections.abc import Mapping

import msgspec

from agents.changelog import read_compacted
from agents.context import stop_key
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message
from agents.reentry import Publisher
from streams.errors import ConfigError
from streams.replay.state import ReplayState, Status, decode_state, encode_state
from streams.settings import Settings


class Registry:
    """Reads and writes rows of the replays topic.

    Args:
        kafka: Where it is.
        settings: Names of topics.
    """

    def __init__(self, kafka: KafkaAccess, settings: Settings) -> None:
        self._kafka = kafka
        self._topic = settings.topics.replays
        self._publisher = Publisher(kafka)

    def all(self) -> list[ReplayState]:
        """Every replay, the latest first; one that was stopped says so."""
        rows = self._rows()
        found = [_state(name, row, rows) for name, row in rows.items()]
        known = [state for state in found if state is not None]
        return sorted(known, key=lambda state: state.began_ms, reverse=True)

    def one(self, replay: str) -> ReplayState:
        """One replay.

        Raises:
            ConfigError: There is none of that name.
        """
        rows = self._rows()
        state = _state(replay.encode(), rows.get(replay.encode(), b""), rows)
        if state is None:
            raise ConfigError(
                [f"replay {replay}: there is none; see: klaviyo-streams replay --list"]
            )
        return state

    def is_stopped(self, replay: str) -> bool:
        """Whether somebody has stopped it."""
        return stop_key(replay) in self._rows()

    def write(self, state: ReplayState) -> None:
        """Note how far one is; durable on return."""
        self._put(state.id.encode(), encode_state(state))

    def stop(self, replay: str) -> None:
        """Let what of it is under way end where it is."""
        self._put(stop_key(replay), b"1")

    def go_on(self, replay: str) -> None:
        """Take back a stop."""
        self._put(stop_key(replay), None)

    def _put(self, key: bytes, value: bytes | None) -> None:
        self._publisher.publish([Message(self._topic, key, value, partition=0)])

    def _rows(self) -> dict[bytes, bytes]:
        return read_compacted(self._kafka, self._topic)


def _state(name: bytes, row: bytes, rows: Mapping[bytes, bytes]) -> ReplayState | None:
    try:
        state = decode_state(row)
    except msgspec.MsgspecError:
        return None
    if stop_key(name.decode()) in rows:
        return msgspec.structs.replace(state, status=Status.STOPPED)
    return state
