"""Positions while Kafka does not tell which topic it is: later is early enough."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.engine.kafka import KafkaAccess
from agents.engine.positions import Positions
from agents.engine.producer import Message
from agents.engine.reader import Reader, ReaderOptions
from agents.engine.topic_ids import Ask
from tests.agents.fakes import FakeProducer, partition, run

TP = TopicPartition("in", 0)
OTHER = TopicPartition("other", 0)
GROUP = "g"


class Ids:
    """Gives ids in turn, the last for ever; None is no answer."""

    def __init__(self, told: dict[str, list[str | None]]) -> None:
        self._told = told

    async def __call__(self, kafka: KafkaAccess, topic: str) -> str:
        """See `topic_id`."""
        del kafka
        await asyncio.sleep(0)
        answers = self._told[topic]
        known = answers.pop(0) if len(answers) > 1 else answers[0]
        if known is None:
            raise KafkaConnectionError
        return known


class FakePositions(Positions):
    """Reads what the producer kept."""

    def __init__(self, ask: Ask) -> None:
        self.kept = FakeProducer()
        access = KafkaAccess(bootstrap="127.0.0.1:9")
        super().__init__(topic="positions", kafka=access, producer=self.kept, ask=ask)

    async def catch_up(self) -> None:
        """See `View`."""
        self.rows = self.noted()

    def noted(self) -> dict[bytes, bytes]:
        """What it has written."""
        return {one.key or b"": one.value or b"" for one in self.kept.sent}


class FakeConsumer:
    """A group that has committed nothing, on a partition of 100 records."""

    def __init__(self) -> None:
        self.sought: list[int] = []

    async def committed(self, _: TopicPartition) -> None:
        """See `AIOKafkaConsumer`."""

    async def position(self, _: TopicPartition) -> int:
        """See `AIOKafkaConsumer`."""
        return 0

    async def beginning_offsets(
        self, tps: list[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """See `AIOKafkaConsumer`."""
        return dict.fromkeys(tps, 0)

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """See `AIOKafkaConsumer`."""
        return dict.fromkeys(tps, 100)

    def seek(self, _: TopicPartition, offset: int) -> None:
        """See `AIOKafkaConsumer`."""
        self.sought.append(offset)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See `AIOKafkaConsumer`."""


async def test_what_could_not_be_noted_is_noted_the_next_time() -> None:
    """Though the group has not moved since."""
    known = FakePositions(Ids({"in": [None, "id"]}))

    await known.note(GROUP, {TP: 7})
    before = known.noted()
    await known.note(GROUP, {TP: 7})
    await known.note(GROUP, {TP: 7})

    assert before == {}
    assert [one.value for one in known.kept.sent] == [b"7"]


async def test_a_topic_that_nobody_knows_keeps_no_other_from_being_noted() -> None:
    """One that was deleted, say."""
    ids = Ids({"in": [None], "other": ["id"]})
    known = FakePositions(ids)

    await known.note(GROUP, {TP: 7, OTHER: 8})

    assert known.noted() == {b"g/id/other/0": b"8"}


def test_a_partition_leaves_though_nobody_says_which_topic_it_is_of() -> None:
    """Kafka that is silent holds up no rebalance and no shutdown."""

    async def silent(*_: object) -> str:
        await asyncio.sleep(1_000_000)
        return ""

    async def story() -> float:
        app: Any = SimpleNamespace(channel=lambda maxsize: maxsize)
        one = Reader(
            app,
            kafka=KafkaAccess(bootstrap="127.0.0.1:9"),
            options=ReaderOptions(name="hop", group=GROUP, topics=("in",)),
            positions=FakePositions(silent),
        )
        one.partitions[TP] = partition("in")
        one.partitions[TP].committed = 7
        began_s = asyncio.get_running_loop().time()
        await one.revoked([TP])
        assert one.partitions == {}
        return asyncio.get_running_loop().time() - began_s

    assert run(story()) < 10


async def test_what_was_noted_is_restored_when_the_id_is_told() -> None:
    """Without it the lane would begin again at its beginning."""
    consumer = FakeConsumer()
    known = FakePositions(Ids({"in": [None, "id"]}))
    known.kept.sent.append(Message("positions", b"g/id/in/0", b"7"))

    with pytest.raises(KafkaError):
        await known.restore(GROUP, TP, consumer)
    restored = await known.restore(GROUP, TP, consumer)

    assert restored == 7
    assert consumer.sought == [7]
