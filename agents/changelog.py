"""The memberships table read from outside a worker: its changelog, to the end."""

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
        _apply(rows, message.key(), message.value())
    return rows


def _apply(
    rows: dict[str, Memberships], key: bytes | None, value: bytes | None
) -> None:
    if key is not None and value is not None:
        user = key.decode()
        rows[user] = merge(rows.get(user, {}), decode_row(value))
