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

from agents.engine.kafka import KafkaAccess
from agents.engine.producer import Message, Producer
from agents.engine.topic_ids import Ask, topic_id
from agents.engine.view import View

log = structlog.get_logger(__name__)


class Positions(View):
    """Positions of all groups.

    Args:
        topic: Compacted, of one partition.
        kafka: Where it is.
        producer: Writes it.
        ask: Gives ids of topics.
    """

    def __init__(
        self,
        *,
        topic: str,
        kafka: KafkaAccess,
        producer: Producer,
        ask: Ask = topic_id,
    ) -> None:
        super().__init__(topic=topic, kafka=kafka)
        self._name = topic
        self._access = kafka
        self._producer = producer
        self._ask = ask
        self._ids: dict[str, str] = {}
        self._noted: dict[tuple[str, TopicPartition], int] = {}

    async def note(
        self, group: str, committed: Mapping[TopicPartition, int | None]
    ) -> None:
        """Write down where a group is, where that is news; durable on return.

        What is of a topic whose id Kafka doesn't tell now is news the next time too.
        """
        news = {
            tp: offset
            for tp, offset in committed.items()
            if offset is not None and self._noted.get((group, tp)) != offset
        }
        for topic in {tp.topic for tp in news}:
            some = {tp: offset for tp, offset in news.items() if tp.topic == topic}
            await self._note_topic(group, topic, some)

    async def _note_topic(
        self, group: str, topic: str, news: Mapping[TopicPartition, int]
    ) -> None:
        try:
            known = await self._id_of(topic)
        except KafkaError:
            return
        if known:
            await self._producer.send(
                [
                    Message(self._name, _row(group, known, tp), b"%d" % at, partition=0)
                    for tp, at in news.items()
                ]
            )
            self._noted |= {(group, tp): at for tp, at in news.items()}

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
        known = await self._id_of(tp.topic)
        noted = self.rows.get(_row(group, known, tp), b"") if known else b""
        if not noted.isdigit():
            return None
        await consumer.position(tp)  # else aiokafka sets one of its own after ours
        first: int = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        if int(noted) > end:
            return None
        restored = max(int(noted), first)
        consumer.seek(tp, restored)
        await consumer.commit({tp: restored})
        log.warning("position_restored", group=group, partition=tp.partition)
        return restored

    async def _id_of(self, topic: str) -> str:
        """Give its id; empty where nobody can tell one topic from its successor.

        Raises:
            KafkaError: Kafka doesn't answer now.
        """
        if topic not in self._ids:
            self._ids[topic] = await self._ask(self._access, topic)
        return self._ids[topic]


def _row(group: str, known: str, tp: TopicPartition) -> bytes:
    return f"{group}/{known}/{tp.topic}/{tp.partition}".encode()
