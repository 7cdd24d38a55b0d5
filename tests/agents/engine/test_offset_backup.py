"""Backup of committed offsets while Kafka does not tell the id of a topic."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.engine.group_consumer import ReaderOptions
from agents.engine.kafka import KafkaAccess, TopicIdLookup
from agents.engine.offset_backup import OffsetBackup
from agents.engine.producer import Message
from agents.engine.reader import Reader
from tests.support.worker_fakes import FakeProducer, partition, run

TP = TopicPartition("in", 0)
OTHER = TopicPartition("other", 0)
GROUP = "g"


class FakeTopicIds:
    """Lookup that returns scripted ids in turn, the last for ever; None is an error."""

    def __init__(self, answers: dict[str, list[str | None]]) -> None:
        self._answers = answers

    async def __call__(self, kafka: KafkaAccess, topic: str) -> str:
        """Implement `fetch_topic_id` from the script."""
        del kafka
        await asyncio.sleep(0)
        answers = self._answers[topic]
        topic_id = answers.pop(0) if len(answers) > 1 else answers[0]
        if topic_id is None:
            raise KafkaConnectionError
        return topic_id


class FakeOffsetBackup(OffsetBackup):
    """Offset backup whose topic is a fake producer's memory."""

    def __init__(self, get_topic_id: TopicIdLookup) -> None:
        self.fake_producer = FakeProducer()
        access = KafkaAccess(bootstrap="127.0.0.1:9")
        super().__init__(
            topic="offset-backup",
            kafka=access,
            producer=self.fake_producer,
            get_topic_id=get_topic_id,
        )

    async def catch_up(self) -> None:
        """Copy the producer's records to `rows`."""
        self.rows = self.saved_rows()

    def saved_rows(self) -> dict[bytes, bytes]:
        """Return all rows written so far."""
        return {
            message.key or b"": message.value or b""
            for message in self.fake_producer.sent
        }


class FakeConsumer:
    """Consumer of a group without commits, on a partition of 100 records."""

    def __init__(self) -> None:
        self.seek_offsets: list[int] = []

    async def committed(self, _: TopicPartition) -> None:
        """Implement `AIOKafkaConsumer.__init__` from memory."""

    async def position(self, _: TopicPartition) -> int:
        """Implement `AIOKafkaConsumer.position` from memory."""
        return 0

    async def beginning_offsets(
        self, tps: list[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Implement `AIOKafkaConsumer.beginning_offsets` from memory."""
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Implement `AIOKafkaConsumer.end_offsets` from memory."""
        return dict.fromkeys(tps, 100)

    def seek(self, _: TopicPartition, offset: int) -> None:
        """Implement `AIOKafkaConsumer.seek` from memory."""
        self.seek_offsets.append(offset)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Implement `AIOKafkaConsumer.commit` from memory."""


async def test_what_could_not_be_saved_is_saved_the_next_time() -> None:
    """The retry happens although the group has not advanced since."""
    backup = FakeOffsetBackup(FakeTopicIds({"in": [None, "id"]}))

    await backup.save(GROUP, {TP: 7})
    before = backup.saved_rows()
    await backup.save(GROUP, {TP: 7})
    await backup.save(GROUP, {TP: 7})

    assert before == {}
    assert [message.value for message in backup.fake_producer.sent] == [b"7"]


async def test_an_unknown_topic_does_not_stop_others_from_being_saved() -> None:
    """A deleted topic has no id, and the other topic is still saved."""
    ids = FakeTopicIds({"in": [None], "other": ["id"]})
    backup = FakeOffsetBackup(ids)

    await backup.save(GROUP, {TP: 7, OTHER: 8})

    assert backup.saved_rows() == {b"g/id/other/0": b"8"}


def test_a_partition_is_revoked_though_its_topic_id_is_unknown() -> None:
    """A silent Kafka delays neither a rebalance nor a shutdown."""

    async def silent(*_: object) -> str:
        await asyncio.sleep(1_000_000)
        return ""

    async def revoke() -> float:
        app: Any = SimpleNamespace(channel=lambda maxsize: maxsize)
        reader = Reader(
            app,
            kafka=KafkaAccess(bootstrap="127.0.0.1:9"),
            options=ReaderOptions(name="stage", group=GROUP, topics=("in",)),
            offset_backup=FakeOffsetBackup(silent),
        )
        reader.partitions[TP] = partition("in")
        reader.partitions[TP].committed_offset = 7
        began_s = asyncio.get_running_loop().time()
        await reader.on_revoked([TP])
        assert reader.partitions == {}
        return asyncio.get_running_loop().time() - began_s

    assert run(revoke()) < 10


async def test_what_was_saved_is_restored_when_the_id_is_known() -> None:
    """Without the restored offset the lane would be read from its beginning."""
    consumer = FakeConsumer()
    backup = FakeOffsetBackup(FakeTopicIds({"in": [None, "id"]}))
    backup.fake_producer.sent.append(Message("offset-backup", b"g/id/in/0", b"7"))

    with pytest.raises(KafkaError):
        await backup.restore(GROUP, TP, consumer)
    restored = await backup.restore(GROUP, TP, consumer)

    assert restored == 7
    assert consumer.seek_offsets == [7]
