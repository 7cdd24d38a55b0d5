"""Table of entries by key, with the partitions of the table's source topic.

Faust's table lets a commit pass before its changelog is durable, and its recovery skips
records when partitions move. This table is recovered before its partition is read, and
written after everything that a change caused is durable. So a crash in between repeats
work, and never loses a membership change.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.engine.kafka import KafkaAccess, Record, TopicIdLookup, fetch_topic_id
from agents.engine.producer import Message, Producer, RecordTooLarge, SendResult
from agents.engine.store import MemoryStore, RocksStore, Store
from streams.errors import EngineError

log = structlog.get_logger(__name__)

RECOVERY_MAX_RECORDS = 5_000

MergeEntries: TypeAlias = Callable[[bytes, bytes | None, bytes | None], bytes | None]
"""Key, current entry, entry from the changelog -> entry to keep; None is no entry. Must
be idempotent."""

CHUNK_ENTRIES = 5_000
"""Ours: entries written at once. A deletion of a user with a hundred thousand entries
leaves the event loop free in between."""


class Table:
    """Entries by partition and key; only open partitions can be used.

    Keys are those of `agents.engine.store`: a group, a NUL byte, a name.

    Attributes:
        remaining: Changelog records still to be read, by partition in recovery.
    """

    def __init__(  # noqa: PLR0913 - parts of a table, each by its name
        self,
        *,
        changelog: str,
        kafka: KafkaAccess,
        producer: Producer,
        merge: MergeEntries,
        directory: Path | None,
        get_topic_id: TopicIdLookup = fetch_topic_id,
    ) -> None:
        """Set up a table without partitions.

        Args:
            changelog: Compacted topic that holds every entry.
            kafka: Broker addresses and credentials.
            producer: Writes the changelog.
            merge: Decides between the current entry and a recovered entry.
            directory: Parent of the RocksDB files; None keeps entries in memory.
            get_topic_id: Returns the id of a topic.
        """
        self.changelog = changelog
        self._kafka = kafka
        self._producer = producer
        self._merge = merge
        self._directory = directory
        self._get_topic_id = get_topic_id
        self._stores: dict[int, Store] = {}
        self.remaining: dict[int, int] = {}

    async def open(self, partition: int) -> None:
        """Recover a partition from the changelog.

        Raises:
            KafkaError: The changelog cannot be read now; try again.
            EngineError: The store cannot be opened.
        """
        store = self._stores.get(partition) or self._new_store(partition)
        self._stores[partition] = store
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            **self._kafka.aiokafka_options(),
        )
        try:
            await consumer.start()
            await self._recover(consumer, TopicPartition(self.changelog, partition))
        finally:
            self.remaining.pop(partition, None)
            await consumer.stop()

    def count_entries(self) -> int:
        """Return the number of entries of all open partitions; may be an estimate."""
        return sum(store.count_entries() for store in self._stores.values())

    def close(self, partition: int) -> None:
        """Close the store of a partition that another worker takes over."""
        store = self._stores.pop(partition, None)
        if store:
            store.close()

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Return the entry of a key; None for an unknown key."""
        return self._stores[partition].get(key)

    def scan(self, partition: int, group: bytes) -> dict[bytes, bytes]:
        """Return every entry of a group, by the name of the entry."""
        return self._stores[partition].scan(group)

    async def write(self, changes: Mapping[int, Mapping[bytes, bytes | None]]) -> None:
        """Make entries durable in the changelog, then change the local store.

        Args:
            changes: Partition -> key -> entry; None removes the entry.

        Raises:
            EngineError: An entry is larger than the changelog accepts.
        """
        writes = [
            Message(self.changelog, key, entry, partition=partition)
            for partition, entries in changes.items()
            for key, entry in entries.items()
        ]
        for start in range(0, len(writes), CHUNK_ENTRIES):
            await self._write(writes[start : start + CHUNK_ENTRIES])

    async def _write(self, writes: Sequence[Message]) -> None:
        entries: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        next_offsets: dict[int, int] = defaultdict(int)
        results = await self._producer.send(writes)
        for write, result in zip(writes, results, strict=True):
            partition = write.partition
            entries[partition][write.key or b""] = write.value
            next_offset = max(next_offsets[partition], _next_offset(result))
            next_offsets[partition] = next_offset
        for partition, changed in entries.items():
            if store := self._stores.get(partition):
                next_offset = max(store.next_offset, next_offsets[partition])
                store.write(changed, next_offset=next_offset)

    def _new_store(self, partition: int) -> Store:
        if self._directory is None:
            return MemoryStore()
        return RocksStore(self._directory / self.changelog / str(partition))

    async def _recover(self, consumer: AIOKafkaConsumer, tp: TopicPartition) -> None:
        store = self._stores[tp.partition]
        changelog_id = await self._get_topic_id(self._kafka, self.changelog)
        consumer.assign([tp])
        end_offset = (await consumer.end_offsets([tp]))[tp]
        first_offset = (await consumer.beginning_offsets([tp]))[tp]
        self._check_changelog(store, tp, changelog_id, end_offset)
        next_offset = max(store.next_offset, first_offset)
        self.remaining[tp.partition] = max(0, end_offset - next_offset)
        consumer.seek(tp, next_offset)
        while await consumer.position(tp) < end_offset:
            fetched = await consumer.getmany(
                tp, timeout_ms=500, max_records=RECOVERY_MAX_RECORDS
            )
            position = await consumer.position(tp)
            self.remaining[tp.partition] = max(0, end_offset - position)
            self._apply(store, fetched.get(tp, []), position)
        log.info("table_recovered", partition=tp.partition, end=end_offset)

    def _check_changelog(
        self, store: Store, tp: TopicPartition, changelog_id: str, end_offset: int
    ) -> None:
        """Wipe a store with entries from another topic of the same name."""
        is_other_topic = (
            bool(changelog_id and store.changelog_id)
            and store.changelog_id != changelog_id
        )
        if store.next_offset > end_offset or is_other_topic:
            log.warning(
                "table_wiped",
                partition=tp.partition,
                reason="the changelog topic was deleted and created again",
                fix="if that was not intended: deploy/RUNBOOK.md, changelog lost",
            )
            store.wipe()
        if changelog_id and store.changelog_id != changelog_id:
            store.set_changelog_id(changelog_id)

    def _apply(self, store: Store, records: list[Record], position: int) -> None:
        keyed = [(record.key, record.value) for record in records if record.key]
        current: dict[bytes, bytes | None] = {**store.get_many({k for k, _ in keyed})}
        for key, recovered in keyed:
            current[key] = self._merge(key, current.get(key), recovered)
        store.write(current, next_offset=position)


def _next_offset(result: SendResult) -> int:
    """Return the changelog offset behind a write.

    It is 0 if unknown: the entry is read again at a restart, without effect.

    Raises:
        EngineError: The entry is larger than the changelog accepts.
    """
    if isinstance(result, RecordTooLarge):
        raise EngineError("an entry is larger than its changelog takes")
    return 0 if result.offset is None else result.offset + 1
