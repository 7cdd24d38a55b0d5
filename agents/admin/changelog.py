"""Compacted topics, read to their end outside a worker."""

from agents.admin.topic_reader import read_topic
from agents.engine.kafka import KafkaAccess
from streams.state.user_row import EMPTY_ROW, UserRow, decode_row, merge_rows


def read_user_states(kafka: KafkaAccess, topic: str) -> dict[str, UserRow]:
    """Return every user's row as the changelog has it now.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """
    states: dict[str, UserRow] = {}
    for message in read_topic(kafka, topic):
        key, value = message.key(), message.value()
        if key is not None and value is not None:
            user_key = key.decode()
            states[user_key] = merge_rows(
                states.get(user_key, EMPTY_ROW), decode_row(value)
            )
    return states


def read_compacted_topic(kafka: KafkaAccess, topic: str) -> dict[bytes, bytes]:
    """Return the last value of each key; a null value removes the key.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """
    rows: dict[bytes, bytes] = {}
    for message in read_topic(kafka, topic):
        key, value = message.key() or b"", message.value()
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    return rows
