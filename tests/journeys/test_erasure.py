"""A deletion request leaves no address in the user's state, wherever it is kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from rocksdict import Options, Rdict

from agents.cli import main
from tests.journeys.harness import Pipeline
from tests.journeys.sample_events import START_MS

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ADDRESSES = (b"ada@example.com", b"+12025550101")
HOLDER = b"\0holder\0user-1"
COMPACT_NOW = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
    "min.compaction.lag.ms": "0",
}
"""Settings under which Kafka compacts a topic within seconds instead of days."""


def _event(number: int, kind: str, event: str = "") -> tuple[str, bytes]:
    traits = {"email": "ada@example.com", "phone": "+12025550101"}
    body = {
        "type": kind,
        "event": event,
        "userId": "user-1",
        "timestamp": START_MS + number,
        "traits": traits,
        "properties": {"audience_key": "vip"},
        "context": {"traits": traits},
    }
    return "user-1", orjson.dumps(body)


LIFE = [
    _event(1, "identify"),
    _event(2, "track", "Audience Entered"),
    _event(3, "track", "User Subscribed"),
    _event(4, "track", "User Unsubscribed"),
]


def test_a_deletion_leaves_no_address_behind(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    """Neither the changelog, nor the worker's store, nor an export holds one.

    No edge of a shared profile has the user either.
    """
    destination = tmp_path / "destination.yaml"
    destination.write_text("settings: {identity: {shared_profiles: true}}\n")
    pipeline.run(table_store="rocksdb", destination=destination)
    pipeline.await_quiet(pipeline.publish(LIFE))
    records = _records(pipeline)
    assert _has_address(records)
    assert any(HOLDER in content for content in records)

    pipeline.await_quiet(pipeline.publish([_event(9, "delete")]))
    exported = CliRunner().invoke(
        main, ["audiences", "export", "-"], env=pipeline.environ
    )
    pipeline.workers["w0"].stop()
    pipeline.workers["w0"].ended()
    _compact_changelog(pipeline)

    assert exported.exit_code == 0
    assert b'"command"' in exported.stdout_bytes  # the deletion itself
    assert not _has_address([exported.stdout_bytes])
    assert b'"holder"' not in exported.stdout_bytes
    assert not _has_address(_store_bytes(pipeline.home / "w0"))
    pipeline.until(lambda: not _has_address(_records(pipeline)))


def _has_address(contents: list[bytes]) -> bool:
    return any(address in content for content in contents for address in ADDRESSES)


def _compact_changelog(pipeline: Pipeline) -> None:
    """Set the topic to be compacted now, and end its open segments."""
    topic = pipeline.settings.topics.memberships_changelog
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in COMPACT_NOW.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(
        {"bootstrap.servers": pipeline.settings.kafka_bootstrap_servers}
    )
    admin.incremental_alter_configs([resource])[resource].result(60)


def _records(pipeline: Pipeline) -> list[bytes]:
    """Return what the changelog holds, after one record more that ends segments."""
    topic = pipeline.settings.topics.memberships_changelog
    filler: list[tuple[str, bytes | None]] = [
        (f"filler-{number}\0membership\0none", None) for number in range(32)
    ]
    pipeline.publish(filler, topic=topic)
    options: dict[str, Any] = {
        "bootstrap.servers": pipeline.settings.kafka_bootstrap_servers,
        "group.id": "erasure",
        "enable.partition.eof": True,
        "enable.auto.commit": False,
    }
    consumer = Consumer(options)
    try:
        return [*_read_all(consumer, topic)]
    finally:
        consumer.close()


def _read_all(consumer: Consumer, topic: str) -> Iterator[bytes]:
    partitions = consumer.list_topics(topic, timeout=60).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
    open_partitions = set(partitions)
    while open_partitions:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            open_partitions.discard(message.partition())
        else:
            yield (message.key() or b"") + b" " + (message.value() or b"")


def _store_bytes(home: Path) -> list[bytes]:
    """Return the contents of the files of a worker's stores, after compaction."""
    for marker in home.rglob("CURRENT"):
        store = Rdict(str(marker.parent), Options(raw_mode=True))
        store.flush()
        store.compact_range(None, None)
        store.close()
    return [path.read_bytes() for path in home.rglob("*") if path.is_file()]
