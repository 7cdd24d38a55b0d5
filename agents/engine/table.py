"""Table of rows by user, partitioned like the topic that feeds it.

Faust's table lets a commit pass before its changelog is durable, and its recovery skips
records when partitions move. This table is recovered before its partition is read, and
written after everything that a change caused is durable. So a crash in between repeats
work, and never loses a membership change.
"""

from collections.abc import Callable, Iterable, Mapping
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

MergeRows: TypeAlias = Callable[[bytes | None, bytes], bytes]
"""Current row, row from the changelog -> row to keep; must be idempotent."""


class Table:
    """Rows by partition and key; only open partitions can be used."""

    def __init__(  # noqa: PLR0913 - parts of a table, each by its name
        self,
        *,
        changelog: str,
        kafka: KafkaAccess,
        producer: Producer,
        merge: MergeRows,
        directory: Path | None,
        get_topic_id: TopicIdLookup = fetch_topic_id,
    ) -> None:
        """Set up a table without partitions.

        Args:
            changelog: Compacted topic that holds every row.
            kafka: Broker addresses and credentials.
            producer: Writes the changelog.
            merge: Decides between the current row and a recovered row.
            directory: Parent of the RocksDB files; None keeps rows in memory.
            get_topic_id: Returns the id of a topic.
        """
        self.changelog = changelog
        self._kafka = kafka
        self._producer = producer
        self._merge = merge
        self._directory = directory
        self._get_topic_id = get_topic_id
        self._stores: dict[int, Store] = {}

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
            await consumer.stop()

    def close(self, partition: int) -> None:
        """Close the store of a partition that another worker takes over."""
        store = self._stores.pop(partition, None)
        if store:
            store.close()

    def get_many(self, partition: int, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the existing rows for the keys."""
        return self._stores[partition].get_many(keys)

    async def write(self, changes: Mapping[int, Mapping[bytes, bytes]]) -> None:
        """Make rows durable in the changelog, then change the local store.

        Args:
            changes: Partition -> key -> row.

        Raises:
            EngineError: A row is larger than the changelog accepts.
        """
        messages = [
            Message(self.changelog, key, row, partition=partition)
            for partition, rows in changes.items()
            for key, row in rows.items()
        ]
        results = iter(await self._producer.send(messages))
        for partition, rows in changes.items():
            offsets = [_written_offset(next(results)) for _ in rows]
            store = self._stores.get(partition)
            if store and rows:
                # Rows of unknown offset are read again at a restart, without effect.
                ends = [offset + 1 for offset in offsets if offset is not None]
                store.write(rows, next_offset=max([store.next_offset, *ends]))

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
        consumer.seek(tp, max(store.next_offset, first_offset))
        while await consumer.position(tp) < end_offset:
            fetched = await consumer.getmany(
                tp, timeout_ms=500, max_records=RECOVERY_MAX_RECORDS
            )
            position = await consumer.position(tp)
            self._apply(store, fetched.get(tp, []), position)
        log.info("table_recovered", partition=tp.partition, end=end_offset)

    def _check_changelog(
        self, store: Store, tp: TopicPartition, changelog_id: str, end_offset: int
    ) -> None:
        """Wipe a store with rows from another topic of the same name."""
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
        keyed = [r for r in records if r.key is not None and r.value is not None]
        rows = store.get_many({record.key for record in keyed})
        for record in keyed:
            rows[record.key] = self._merge(rows.get(record.key), record.value)
        store.write(rows, next_offset=position)


def _written_offset(result: SendResult) -> int | None:
    if isinstance(result, RecordTooLarge):
        raise EngineError("a changelog row is larger than its topic takes")
    return result.offset
