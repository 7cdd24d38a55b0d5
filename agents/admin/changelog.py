"""Compacted topics, read to the end by commands outside a worker."""

from agents.admin.topic_reader import read_topic
from agents.engine.kafka import KafkaAccess
from streams.state.entries import merge_entry
from streams.state.user_entries import UserEntries, decode_table


def read_user_states(kafka: KafkaAccess, topic: str) -> dict[str, UserEntries]:
    """Return the current entries of every user, from the changelog.

    Raises:
        ConfigError: Kafka does not answer, or the topic does not exist.
    """
    entries: dict[bytes, bytes | None] = {}
    for message in read_topic(kafka, topic):
        if (key := message.key()) is not None:
            entries[key] = merge_entry(key, entries.get(key), message.value())
    return decode_table({k: entry for k, entry in entries.items() if entry is not None})


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
