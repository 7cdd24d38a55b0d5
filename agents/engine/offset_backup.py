"""Where each group was, beside what Kafka remembers of it.

Kafka forgets the offsets of a group that was down for a week, and somebody may delete
them. Read from the beginning, a lane would put people on lists again whom it took off
since, and mail for consents a second time. So a worker notes its positions on a topic
of its own too, under the id of the topic they are of: one made anew starts from its
beginning.
"""

from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agents.engine.global_table import GlobalTable
from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message, Producer
from agents.engine.topic_ids import TopicIdLookup, fetch_topic_id

log = structlog.get_logger(__name__)


class OffsetBackup(GlobalTable):
    """Positions of all groups.

    Args:
        topic: Compacted, of one partition.
        kafka: Where it is.
        producer: Writes it.
        get_topic_id: Gives ids of topics.
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
        """Write down where a group is, where that is news; durable on return.

        What is of a topic whose id Kafka doesn't tell now is news the next time too.
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
        """Go on where the group was, if Kafka has forgotten it.

        Returns:
            Offset that Kafka has for the group now; None if it is new to the topic.

        Raises:
            KafkaError: Kafka doesn't answer now; try again.
        """
        committed: int | None = await consumer.committed(tp)
        if committed is not None:
            return committed
        await self.catch_up()
        topic_id = await self._topic_id(tp.topic)
        saved = self.rows.get(_row_key(group, topic_id, tp), b"") if topic_id else b""
        if not saved.isdigit():
            return None
        await consumer.position(tp)  # else aiokafka sets one of its own after ours
        first_offset: int = (await consumer.beginning_offsets([tp]))[tp]
        end_offset = (await consumer.end_offsets([tp]))[tp]
        if int(saved) > end_offset:
            return None
        restored = max(int(saved), first_offset)
        consumer.seek(tp, restored)
        await consumer.commit({tp: restored})
        log.warning("offset_restored", group=group, partition=tp.partition)
        return restored

    async def _topic_id(self, topic: str) -> str:
        """Give its id; empty where nobody can tell one topic from its successor.

        Raises:
            KafkaError: Kafka doesn't answer now.
        """
        if topic not in self._topic_ids:
            self._topic_ids[topic] = await self._get_topic_id(self._kafka_access, topic)
        return self._topic_ids[topic]


def _row_key(group: str, topic_id: str, tp: TopicPartition) -> bytes:
    return f"{group}/{topic_id}/{tp.topic}/{tp.partition}".encode()
