"""Second copy of each group's committed offsets, on a topic of our own.

Kafka forgets the offsets of a group that was down for a week, and an operator may
delete them. If a lane were read again from its beginning, people would be put on lists
from which they were removed since, and would get mail for consents a second time. So a
worker also saves committed offsets on a compacted topic, under the id of the topic they
belong to: a topic that was deleted and created again starts from its beginning.
"""

from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess, TopicIdLookup, fetch_topic_id
from agents.engine.producer import Message, Producer

log = structlog.get_logger(__name__)


class OffsetBackup(GlobalTable):
    """Committed offsets of all groups, saved and restored.

    Args:
        topic: Compacted topic with one partition.
        kafka: Broker addresses and credentials.
        producer: Writes the topic.
        get_topic_id: Returns the id of a topic.
    """

    def __init__(
        self,
        *,
        topic: str,
        kafka: KafkaAccess,
        producer: Producer,
        get_topic_id: TopicIdLookup = fetch_topic_id,
    ) -> None:
        super().__init__(topic=topic, kafka=kafka)
        self._backup_topic = topic
        self._kafka_access = kafka
        self._producer = producer
        self._get_topic_id = get_topic_id
        self._topic_ids: dict[str, str] = {}
        self._saved: dict[tuple[str, TopicPartition], int] = {}

    async def save(
        self, group: str, committed: Mapping[TopicPartition, int | None]
    ) -> None:
        """Save the offsets that changed since the last call; durable on return.

        An offset of a topic whose id Kafka does not tell now is saved by a later call.
        """
        changed_offsets = {
            tp: offset
            for tp, offset in committed.items()
            if offset is not None and self._saved.get((group, tp)) != offset
        }
        for topic in {tp.topic for tp in changed_offsets}:
            topic_offsets = {
                tp: offset
                for tp, offset in changed_offsets.items()
                if tp.topic == topic
            }
            await self._save_topic(group, topic, topic_offsets)

    async def _save_topic(
        self, group: str, topic: str, offsets: Mapping[TopicPartition, int]
    ) -> None:
        try:
            topic_id = await self._topic_id(topic)
        except KafkaError:
            return
        if topic_id:
            await self._producer.send(
                [
                    Message(
                        self._backup_topic,
                        _row_key(group, topic_id, tp),
                        b"%d" % offset,
                        partition=0,
                    )
                    for tp, offset in offsets.items()
                ]
            )
            self._saved |= {(group, tp): offset for tp, offset in offsets.items()}

    async def restore(
        self, group: str, tp: TopicPartition, consumer: AIOKafkaConsumer
    ) -> int | None:
        """Seek to the saved offset if Kafka has forgotten the group's offset.

        Returns:
            Offset that Kafka has for the group now; None if the group is new here.

        Raises:
            KafkaError: Kafka does not answer now; try again.
        """
        committed: int | None = await consumer.committed(tp)
        if committed is not None:
            return committed
        saved = await self._saved_offset(group, tp)
        if saved is None:
            return None
        await consumer.position(tp)  # else aiokafka later sets a position of its own
        first_offset: int = (await consumer.beginning_offsets([tp]))[tp]
        end_offset = (await consumer.end_offsets([tp]))[tp]
        if saved > end_offset:
            return None
        restored = max(saved, first_offset)
        consumer.seek(tp, restored)
        await consumer.commit({tp: restored})
        log.warning("offset_restored", group=group, partition=tp.partition)
        return restored

    async def _saved_offset(self, group: str, tp: TopicPartition) -> int | None:
        await self.catch_up()
        topic_id = await self._topic_id(tp.topic)
        row = self.rows.get(_row_key(group, topic_id, tp), b"") if topic_id else b""
        return int(row) if row.isdigit() else None

    async def _topic_id(self, topic: str) -> str:
        """Return the id of a topic; empty if the brokers have no topic ids.

        Raises:
            KafkaError: Kafka does not answer now.
        """
        if topic not in self._topic_ids:
            topic_id = await self._get_topic_id(self._kafka_access, topic)
            self._topic_ids[topic] = topic_id
        return self._topic_ids[topic]


def _row_key(group: str, topic_id: str, tp: TopicPartition) -> bytes:
    return f"{group}/{topic_id}/{tp.topic}/{tp.partition}".encode()
