"""State of a sync in Kafka, beside the file that a machine works with.

The file is a copy. On opening, a machine takes the lease, fences its predecessor, and
reads the manifest. If its file is not of that manifest, the rows are read from Kafka.
The rows that a run changes are in Kafka before the first of its row events: so a
machine that takes over knows which rows are uncertain, and sends each again as it is
then.
"""

import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

import msgspec

from agents.admin.progress import ReportLine
from agents.admin.warehouse.state_file import StateFile
from agents.admin.warehouse.state_topic.chunks import (
    CHUNK_ROWS,
    Checksum,
    decode_chunk,
    encode_chunks,
)
from agents.admin.warehouse.state_topic.fenced_producer import FencedProducer
from agents.admin.warehouse.state_topic.lease import hold_lease, is_lease_held
from agents.admin.warehouse.state_topic.state_reader import StateReader
from agents.admin.warehouse.state_topic.topics import StateTopics
from agents.engine.producer import Message, RecordProducer, RecordTooLarge
from agents.shared.context import clock_ms, kafka_access
from agents.shared.topics import ensure_topics
from streams.destination.syncs.model import Sync
from streams.settings import Settings
from streams.warehouse import diff_sql
from streams.warehouse.manifest import Manifest, Segment
from streams.warehouse.sync_state import Phase, SyncState

CHUNKS_PER_SEND: Final = 8
"""Ours: some 5 MB in a transaction, which takes far less than its time-out."""

TOMBSTONES_PER_SEND: Final = 1_000


class SharedState:
    """State of a sync in Kafka.

    Args:
        settings: Access to Kafka, names of the topics, and the session time-out.
        sync: The sync.
        report: Receives a line when rows are read from Kafka.
    """

    def __init__(self, settings: Settings, sync: Sync, *, report: ReportLine) -> None:
        self._settings, self._sync, self._report = settings, sync, report
        self._kafka = kafka_access(settings)
        self._topics = StateTopics(settings.topics, sync=sync.name)
        self._reader = StateReader(self._kafka, self._topics)
        self._group = f"{settings.app_id}.sync.{sync.name}"

    @contextmanager
    def open(self, file: StateFile, *, keeps_rows: bool) -> Iterator["SharedSession"]:
        """Hold the lease, fence all earlier holders, and bring the file up to date.

        Args:
            file: File of this machine.
            keeps_rows: False to forget the state in Kafka instead.

        Raises:
            LeaseHeld: Another process holds the lease.
            ConfigError: Kafka does not answer or refuses, or the state is damaged.
        """
        ensure_topics(self._kafka, self._settings)
        with hold_lease(
            self._kafka,
            topic=self._topics.manifests,
            group=self._group,
            session_timeout_s=self._settings.session_timeout_s,
            read_holder=self._reader.read_holder,
        ):
            producer = FencedProducer(
                self._kafka, self._group, subject=f"sync: {self._sync.name}"
            )
            with closing(producer):
                producer.write([self._topics.holder_message(_process_name())])
                session = SharedSession(self._reader, self._sync, producer)
                if keeps_rows:
                    session.refresh(file, self._report)
                else:
                    session.reset(file)
                yield session

    def is_interrupted(self) -> bool:
        """Return True if a run is half sent, and no machine holds the lease.

        Raises:
            ConfigError: Kafka does not answer.
        """
        is_pending = self._reader.peek_manifest().pending is not None
        return is_pending and not is_lease_held(self._kafka, self._group)

    def ended_ms(self) -> int:
        """Return the end of the last run on any machine; 0 if there was none.

        Raises:
            ConfigError: Kafka does not answer.
        """
        return self._reader.peek_manifest().ended_ms


class SharedSession:
    """State in Kafka while this process holds the lease.

    Args:
        reader: Reader of the sync's records.
        sync: The sync.
        producer: Producer of everything that the run writes.
    """

    def __init__(
        self, reader: StateReader, sync: Sync, producer: FencedProducer
    ) -> None:
        self._reader, self._topics = reader, reader.topics
        self._sync, self._producer = sync, producer
        self._manifest = Manifest()

    @property
    def producer(self) -> RecordProducer:
        """Producer of the row events, fenced with the lease."""
        return self._producer

    def refresh(self, file: StateFile, report: ReportLine) -> None:
        """Read the manifest, and the rows too if the file is not of this manifest.

        Raises:
            ConfigError: Kafka does not answer, or the state is damaged.
        """
        self._manifest = manifest = self._reader.read_manifest()
        self._forget(self._reader.read_orphans(manifest))
        if file.state.manifest_id == manifest.id:
            if not manifest.id and file.state.has_rows:  # of runs with `state: file`
                self._rewrite(file)
        elif manifest.id:
            self._restore(file, report)
        else:
            raise self._topics.loss()

    def begin(self, file: StateFile) -> str:
        """Write what the run changes, before its first row event; return the manifest.

        Raises:
            Fenced: Another machine has taken over.
        """
        if file.state.phase is Phase.SENDING and self._manifest.pending is not None:
            return self._manifest.id
        changes = diff_sql.changes_of_state(self._sync)
        segment = self._write_segment(file, changes)
        if not segment.rows and self._manifest.pending is None:
            return self._manifest.id
        self._replace(self._manifest.begun(segment, manifest_id=_new_id()))
        return self._manifest.id

    def end(self, file: StateFile) -> str:
        """Make the run the state, once its row events are acknowledged.

        Returns:
            The id of the manifest.

        Raises:
            Fenced: Another machine has taken over.
        """
        ended = self._manifest.ended(
            file.state, manifest_id=_new_id(), ended_ms=clock_ms()
        )
        self._replace(ended)
        return ended.id

    def tidy(self, file: StateFile) -> None:
        """Write the rows anew if too many segments lie in Kafka.

        Raises:
            Fenced: Another machine has taken over.
        """
        rows = file.rows.count_rows()
        if self._manifest.is_due_for_rewrite(file.state, rows=rows):
            self._rewrite(file)

    def reset(self, file: StateFile) -> None:
        """Forget the state in Kafka; the file is an empty one.

        Raises:
            ConfigError: Kafka does not answer.
        """
        self._manifest = previous = self._reader.read_manifest()
        self._replace(
            Manifest(
                id=_new_id(),
                next_number=previous.next_number,
                rows_end=previous.rows_end,
            )
        )
        file.adopt(SyncState(manifest_id=self._manifest.id))

    def _rewrite(self, file: StateFile) -> None:
        segment = self._write_segment(file, diff_sql.ALL_ROWS)
        manifest_id = _new_id()
        state = _idle(file.state, manifest_id=manifest_id)
        self._replace(self._manifest.rewritten(state, segment, manifest_id=manifest_id))
        file.state.manifest_id = manifest_id
        file.save()

    def _restore(self, file: StateFile, report: ReportLine) -> None:
        manifest = self._manifest
        rows = sum(segment.rows for segment in manifest.all_segments)
        report(f"{self._sync.name}: reading {rows:,} rows of the state from Kafka")
        file.clear()
        for segment in manifest.segments:
            file.load_segment(self._tables(segment), is_uncertain=segment.is_uncertain)
        state = _idle(manifest.state, manifest_id=manifest.id)
        if manifest.pending is not None:
            file.load_segment(self._tables(manifest.pending), is_uncertain=True)
            # The first one repeats the ids of the run: the same rows are no news.
            state.generation += manifest.recoveries
        file.adopt(state)

    def _tables(self, segment: Segment) -> Iterator[object]:
        checksum = Checksum()
        for value in self._reader.read_chunks(segment):
            checksum.add(value)
            yield decode_chunk(value)
        if checksum.hexdigest() != segment.checksum:
            problem = f"segment {segment.number} has another checksum"
            raise self._topics.damage(problem)

    def _write_segment(self, file: StateFile, sql: str) -> Segment:
        number, checksum = self._manifest.next_number, Checksum()
        start = self._reader.end_of_rows()
        counts: list[int] = []
        messages: list[Message] = []
        batches = file.rows.read_batches(sql, CHUNK_ROWS)
        for value, rows in encode_chunks(batches, at=f"sync: {self._sync.name}"):
            checksum.add(value)
            messages.append(self._topics.chunk_message(number, len(counts), value))
            counts.append(rows)
            if len(messages) == CHUNKS_PER_SEND:
                self._write(messages)
                messages = []
        self._write(messages)
        return Segment(
            number=number,
            start=start,
            end=self._reader.end_of_rows() if counts else start,
            chunks=len(counts),
            rows=sum(counts),
            checksum=checksum.hexdigest(),
        )

    def _replace(self, manifest: Manifest) -> None:
        """Write a manifest, and then forget the segments that it does not have."""
        previous, self._manifest = self._manifest, manifest
        self._write([self._topics.manifest_message(manifest)])
        self._forget(
            [
                self._topics.chunk_key(one.number, index)
                for one in manifest.dropped_since(previous)
                for index in range(one.chunks)
            ]
        )

    def _forget(self, keys: Sequence[bytes]) -> None:
        for start in range(0, len(keys), TOMBSTONES_PER_SEND):
            chunk = keys[start : start + TOMBSTONES_PER_SEND]
            self._write([self._topics.tombstone(key) for key in chunk])

    def _write(self, messages: Sequence[Message]) -> None:
        results = self._producer.write(messages)
        if any(isinstance(result, RecordTooLarge) for result in results):
            raise self._topics.refusal(messages[0].topic)


def _idle(state: SyncState, *, manifest_id: str) -> SyncState:
    """Return the progress without a run under way."""
    return msgspec.structs.replace(
        state,
        phase=Phase.IDLE,
        problems=[],
        manifest_id=manifest_id,
        gone_position=0,
        staged_position=0,
        sent=0,
        next_cursor="",
    )


def _new_id() -> str:
    return uuid.uuid4().hex


def _process_name() -> str:
    """Return the name of this process for operators, with safe characters alone."""
    return f"process {os.getpid()} on {socket.gethostname()}"
