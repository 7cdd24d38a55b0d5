"""Origin of a record: topic, partition and offset of the source."""

from typing import Self

import msgspec

from streams.errors import PoisonRecord

NUMBERS_MAX_CHARS = 30
"""A partition has at most 10 digits, an offset 19: Kafka's int32 and int64."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, array_like=True, order=True):
    """Topic, partition and offset of the source record; set once, at intake."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text that `str` writes.

        Raises:
            PoisonRecord: The text is not `topic/partition/offset`.
        """
        topic, _, numbers_text = text.partition("/")
        partition, _, offset = numbers_text.partition("/")
        are_decimal = partition.isdecimal() and offset.isdecimal()
        if not (topic and are_decimal and len(numbers_text) <= NUMBERS_MAX_CHARS):
            raise PoisonRecord("bad-origin", "origin is not topic/partition/offset")
        return cls(topic=topic, partition=int(partition), offset=int(offset))
