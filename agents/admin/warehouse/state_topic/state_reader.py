"""Reader of the state of a sync in Kafka: manifest, holder, chunks and orphans."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import msgspec
from confluent_kafka import Message as Received

from agents.admin.topic_reader import TopicReader, is_end, partition_and_offset
from agents.admin.warehouse.state_topic.topics import StateTopics
from agents.engine.kafka import KafkaAccess
from streams.errors import ConfigError
from streams.warehouse.manifest import Manifest, Segment

READ_RECORDS: Final = 20
POLL_S: Final = 0.1

SILENCE_S: Final = 60.0
"""Ours: twice as long as a stalled transaction of another sync hides records."""

_READER: Final = {
    "fetch.message.max.bytes": 8_000_000,
    "queued.max.messages.kbytes": 32_768,
}


class StateReader:
    """Reader of the records of one sync.

    Args:
        kafka: Broker addresses and credentials.
        topics: Records of the sync.
    """

    def __init__(self, kafka: KafkaAccess, topics: StateTopics) -> None:
        self._kafka, self.topics = kafka, topics

    def end_of_rows(self) -> int:
        """Return the end of the topic of rows, records of open transactions included.

        Raises:
            ConfigError: Kafka does not answer.
        """
        return self._end(self.topics.rows)

    def read_manifest(self) -> Manifest:
        """Return the last manifest; an empty one if there is none.

        The end of the topic is that of all records. The end of the committed ones would
        be too early: an open transaction of another sync hides all that come after it.

        Raises:
            ConfigError: Kafka does not answer, or the manifest is damaged.
        """
        value = None
        for message in self._read(
            self.topics.manifests, 0, last=self._end(self.topics.manifests) - 1
        ):
            if message.key() == self.topics.sync.encode():
                value = message.value()
        return self._decode(value)

    def peek_manifest(self) -> Manifest:
        """Return the last manifest that can be read now; it may be an older one.

        Raises:
            ConfigError: Kafka does not answer, or the manifest is damaged.
        """
        value = None
        with closing(TopicReader(self._kafka)) as reader:
            for message in reader.read_all(self.topics.manifests):
                if message.key() == self.topics.sync.encode():
                    value = message.value()
        return self._decode(value)

    def read_holder(self) -> str:
        """Return the name of the last holder, who may have ended; empty without one.

        Open transactions count: that of another sync may hide the holder's record.

        Raises:
            ConfigError: Kafka does not answer.
        """
        holder = b""
        options = {"isolation.level": "read_uncommitted"}
        with closing(TopicReader(self._kafka, options=options)) as reader:
            for message in reader.read_all(self.topics.manifests):
                if message.key() == self.topics.holder_key:
                    holder = message.value() or b""
        return holder.decode(errors="replace")

    def read_chunks(self, segment: Segment) -> Iterator[bytes]:
        """Yield the chunks of a segment in their order.

        Raises:
            ConfigError: Kafka does not answer, or has lost a chunk.
        """
        index = 0
        if not segment.chunks:
            return
        for message in self._read(
            self.topics.rows, segment.start, last=segment.end - 1
        ):
            value = message.value()
            key = self.topics.chunk_key(segment.number, index)
            if message.key() == key and value is not None:
                yield value
                index += 1
        if index < segment.chunks:
            raise self.topics.damage(
                f"chunk {index} of segment {segment.number} is missing"
            )

    def read_orphans(self, manifest: Manifest) -> list[bytes]:
        """Return the keys of chunks that an interrupted writing has left.

        Raises:
            ConfigError: Kafka does not answer.
        """
        known = {str(one.number) for one in manifest.all_segments}
        prefix = f"{self.topics.sync}/".encode()
        orphans: dict[bytes, None] = {}
        with closing(TopicReader(self._kafka, options=_READER)) as reader:
            first, end = reader.watermarks(self.topics.rows, 0)
            start = max(first, manifest.rows_end)
            if start >= end:
                return []
            reader.assign(self.topics.rows, {0: start})
            for message in _until_end(reader):
                key = message.key() or b""
                if not key.startswith(prefix):
                    continue
                if message.value() is None:
                    orphans.pop(key, None)
                elif key.decode().split("/")[1] not in known:
                    orphans[key] = None
        return list(orphans)

    def _end(self, topic: str) -> int:
        options = {"isolation.level": "read_uncommitted"}
        with closing(TopicReader(self._kafka, options=options)) as reader:
            return reader.watermarks(topic, 0)[1]

    def _decode(self, value: bytes | None) -> Manifest:
        if value is None:
            return Manifest()
        try:
            return msgspec.json.decode(value, type=Manifest)
        except msgspec.DecodeError as fault:
            raise self.topics.damage(f"its manifest: {fault}") from None

    def _read(self, topic: str, start: int, *, last: int) -> Iterator[Received]:
        """Yield the committed records from an offset to another one, included.

        Raises:
            ConfigError: Kafka does not answer, or does not show the last record.
        """
        with closing(TopicReader(self._kafka, options=_READER)) as reader:
            first, _ = reader.watermarks(topic, 0)
            reader.assign(topic, {0: max(first, start)})
            deadline_s = time.monotonic() + SILENCE_S
            while time.monotonic() < deadline_s:
                for message in reader.poll(READ_RECORDS, wait_s=POLL_S):
                    _, offset = partition_and_offset(message)
                    if not is_end(message) and offset <= last:
                        deadline_s = time.monotonic() + SILENCE_S
                        yield message
                    if offset > last or (offset == last and not is_end(message)):
                        return
        problem = f"record {last} cannot be read for {SILENCE_S:.0f} s; try again"
        raise ConfigError([f"topic {topic}: {problem}"])


def _until_end(reader: TopicReader) -> Iterator[Received]:
    while True:
        for message in reader.poll(READ_RECORDS, wait_s=POLL_S):
            if is_end(message):
                return
            yield message
