"""How the records of a replay end: its outcomes, counted."""

from collections import Counter
from typing import Final

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from agents.engine.kafka import KafkaAccess
from streams.delivery import outcome
from streams.events.origin import Origin

TIMEOUT_S: Final = 30.0
RECORDS: Final = 5_000


class Endings:
    """Follows the outcomes topic from now on, or from its beginning.

    Args:
        kafka: Where it is.
        topic: The outcomes topic.
        replay: Names the replay.
        whole: Read what is there already too.
    """

    def __init__(
        self, kafka: KafkaAccess, topic: str, *, replay: str, whole: bool = False
    ) -> None:
        self._replay = replay
        self._origins = set[Origin]()
        self.counts = Counter[str]()
        self._consumer = Consumer(
            kafka.librdkafka()
            | {"group.id": "klaviyo-streams.endings", "enable.auto.commit": False}
        )
        found = self._consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
        spots = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in found.partitions]
        if not whole:
            for spot in spots:
                ends = self._consumer.get_watermark_offsets(spot, timeout=TIMEOUT_S)
                spot.offset = ends[1]
        self._consumer.assign(spots)

    @property
    def ended(self) -> int:
        """Source records that have an outcome of this replay."""
        return len(self._origins)

    def read(self, wait_s: float = 0.0) -> None:
        """Count what came since."""
        for message in self._consumer.consume(RECORDS, wait_s):
            if message.error() is None:
                self._count(message.value() or b"")

    def _count(self, value: bytes) -> None:
        try:
            told = outcome.decode(value)
        except msgspec.MsgspecError:
            return  # not ours: no worker writes it
        for item in told.items:
            if item.replay == self._replay:
                self._origins.add(item.origin)
                reason = item.reason.partition(":")[0]
                self.counts[f"{item.verdict} {reason}".rstrip()] += 1

    def close(self) -> None:
        """Let go of it."""
        self._consumer.close()
