"""Compacted topics read from outside a worker, to their end."""

from agents.engine.kafka import KafkaAccess
from agents.reading import read_whole
from streams.audiences.row import Memberships, decode_row, merge


def read_rows(kafka: KafkaAccess, topic: str) -> dict[str, Memberships]:
    """Every user's row as the changelog has it now.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    rows: dict[str, Memberships] = {}
    for message in read_whole(kafka, topic):
        key, value = message.key(), message.value()
        if key is not None and value is not None:
            user = key.decode()
            rows[user] = merge(rows.get(user, {}), decode_row(value))
    return rows


def read_compacted(kafka: KafkaAccess, topic: str) -> dict[bytes, bytes]:
    """The last value of each key of a compacted topic; a key without one is gone.

    Raises:
        ConfigError: Kafka or the topic is not there.
    """
    rows: dict[bytes, bytes] = {}
    for message in read_whole(kafka, topic):
        key, value = message.key() or b"", message.value()
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    return rows
