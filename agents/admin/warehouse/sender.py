"""Sending of a run: its row events in order, and its position after each chunk."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

import orjson

from agents.admin.warehouse.changed_rows import ChangedRow
from agents.admin.warehouse.state_file import StateFile
from agents.engine.producer import Message, RecordProducer, RecordTooLarge
from agents.shared.records import send_with_dead_letters
from streams.dead_letters.encoding import (
    DeadLetter,
    encode_headers,
    encode_key,
    encode_value,
)
from streams.dead_letters.record import SYNC_ORIGIN
from streams.delivery.outcome import Stage
from streams.destination.syncs.model import Sync
from streams.events.canonical_event import Origin
from streams.events.row import KEY_FIELD, RowChange
from streams.mapping.values import Json
from streams.warehouse import diff_sql
from streams.warehouse.row_records import RowRecord, Run, row_record
from streams.warehouse.values import value_of

T = TypeVar("T")

RECORDS_PER_SEND: Final = 2_000
"""Records in flight; the next ones wait until Kafka has acknowledged these."""

SAVE_EVERY_S: Final = 2.0
"""Ours: a run that is killed sends what it sent in so many seconds again."""

TOO_LARGE: Final = ("too-large", "larger than the topic of the row events takes")
EMPTY_KEY: Final = ("no-row-key", "a column of the row's key is null or empty")
DUPLICATE_KEY: Final = ("duplicate-row-key", "several rows of the query have this key")

CHANGES: Final = {
    diff_sql.ADDED: RowChange.ADDED,
    diff_sql.UPDATED: RowChange.UPDATED,
}
"""Change of a row by its `op` in the state file."""


class RunSender:
    """Sender of the run in a state file.

    Args:
        file: The state, with a run that was begun.
        sync: The sync.
        producer: Writes the records.
        topic: Topic of the row events.
        deadletters: Topic of the dead letters.
        app_id: Name of the app, in the headers of dead letters.
        report: Receives the number of row events sent so far.
    """

    def __init__(  # noqa: PLR0913 - one argument a part
        self,
        file: StateFile,
        sync: Sync,
        producer: RecordProducer,
        *,
        topic: str,
        deadletters: str,
        app_id: str,
        report: Callable[[int], None],
    ) -> None:
        self._file, self._sync, self._producer = file, sync, producer
        self._topic, self._deadletters, self._app_id = topic, deadletters, app_id
        self._report = report
        self._saved_s = time.monotonic()
        self._dead_letters = 0
        state = file.state
        self._run = Run(
            sync=sync,
            generation=state.generation,
            time_ms=state.read_ms,
            is_first=not state.has_rows,
        )

    async def send(self) -> None:
        """Send every row event that Kafka has not acknowledged; durable on return.

        Deletions go first: a row whose key changed is deleted and new, for the same
        user.
        """
        state = self._file.state
        if not state.sent:
            await self._send_rejected()
        for position, rows in self._file.rows.gone_rows():
            await self._send_rows([self._deletion(row) for row in rows])
            state.gone_position = position
            self._save_sometimes()
        for position, rows in self._file.rows.changed_rows():
            await self._send_rows([self._change(row) for row in rows])
            state.staged_position = position
            self._save_sometimes()

    def _save_sometimes(self) -> None:
        if time.monotonic() - self._saved_s >= SAVE_EVERY_S:
            self._saved_s = time.monotonic()
            self._file.save()

    async def _send_rows(self, records: Sequence[RowRecord]) -> None:
        for chunk in _chunks(records):
            messages = [Message(self._topic, row.key, row.value) for row in chunk]
            results = await self._producer.send(messages)
            oversized = [
                (row, TOO_LARGE)
                for row, result in zip(chunk, results, strict=True)
                if isinstance(result, RecordTooLarge)
            ]
            await self._send_dead_letters(oversized)
            self._file.state.sent += len(chunk)
            self._report(self._file.state.sent)

    def _deletion(self, row: ChangedRow) -> RowRecord:
        return self._record(row, RowChange.DELETED, {})

    def _change(self, row: ChangedRow) -> RowRecord:
        return self._record(row, CHANGES[row.op], self._columns(row))

    def _record(
        self, row: ChangedRow, change: RowChange, columns: dict[str, Json]
    ) -> RowRecord:
        return row_record(
            self._run,
            change,
            key=row.key or "",
            row_hash=row.row_hash,
            user_id=row.user_id,
            email=row.email,
            columns=columns,
        )

    def _columns(self, row: ChangedRow) -> dict[str, Json]:
        """Return the values of a row's columns."""
        zone = self._sync.column_timezone
        columns = self._file.state.diff.columns
        return {
            column.name: value_of(text, column.kind, zone=zone)
            for column, text in zip(columns, row.texts, strict=True)
        }

    async def _send_rejected(self) -> None:
        """Send rows without a key, and keys of several rows, to the dead letters."""
        rejected = [
            (
                self._rejected_record(row),
                EMPTY_KEY if row.key is None else DUPLICATE_KEY,
            )
            for row in self._file.rows.rejected_rows()
        ]
        await self._send_dead_letters(rejected)

    def _rejected_record(self, row: ChangedRow) -> RowRecord:
        columns = self._columns(row) if row.texts else {}
        body = {
            "type": "track",
            "event": RowChange.ADDED,
            KEY_FIELD: row.key,
            "properties": columns,
            "context": {"row": {"model": self._sync.model}},
        }
        return RowRecord(key=(row.key or "").encode(), value=orjson.dumps(body))

    async def _send_dead_letters(
        self, faults: Sequence[tuple[RowRecord, tuple[str, str]]]
    ) -> None:
        """Send dead letters, each with the code and the reason of its fault."""
        messages = [self._dead_letter(row, fault) for row, fault in faults]
        for chunk in _chunks(messages):
            await send_with_dead_letters(self._producer, chunk, topic=self._deadletters)

    def _dead_letter(self, row: RowRecord, fault: tuple[str, str]) -> Message:
        """Return the dead letter of a row.

        The origin names the sync, the generation, and the row among those of the run: a
        requeue tells the dead letters of a run from each other by it.
        """
        self._dead_letters += 1
        code, reason = fault
        failed = DeadLetter(
            origin=Origin(
                topic=f"{SYNC_ORIGIN}{self._sync.name}",
                partition=0,
                offset=self._run.generation,
                index=self._dead_letters,
            ),
            stage=Stage.INTAKE,
            code=code,
            reason=reason,
            key=row.key,
            value=row.value,
            source_ms=self._run.time_ms,
        )
        return Message(
            self._deadletters,
            encode_key(failed),
            encode_value(failed),
            encode_headers(failed, connector=self._app_id),
        )


def _chunks(records: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(records), RECORDS_PER_SEND):
        yield records[start : start + RECORDS_PER_SEND]
