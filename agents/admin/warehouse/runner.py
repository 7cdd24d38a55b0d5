"""Runs of a sync, from the query to the state that replaces the last one."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agents.admin.progress import ReportLine, throttle
from agents.admin.warehouse.database import Database, RowSource, open_database
from agents.admin.warehouse.lock import SyncStatus, hold_lock, read_status, write_status
from agents.admin.warehouse.sender import CHANGES, RecordProducer, RunSender
from agents.admin.warehouse.state_file import Phase, StateFile, remove_state
from agents.engine.producer import Producer
from agents.shared.context import clock_ms, kafka_access
from streams.destination.syncs.model import Sync
from streams.errors import ConfigError
from streams.events.row import RowChange
from streams.settings import Settings
from streams.warehouse.columns import ColumnKind
from streams.warehouse.plan import SyncPlan, guard_problems
from streams.warehouse.query import (
    clean_sql,
    column_problems,
    cursor_literal,
    limit_zero,
    relation_query,
    since_cursor,
)

READING: Final = "reading"
"""Step of a run before its phase is in the state."""


class SyncRunner:
    """Runner of one sync.

    Args:
        settings: Access to Kafka, the names of the topics, and `data_dir`.
        sync: The sync.
        report: Receives lines of progress.
        producer: Writes the records; by default to the Kafka of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        sync: Sync,
        *,
        report: ReportLine,
        producer: RecordProducer | None = None,
    ) -> None:
        self._settings, self.sync = settings, sync
        self._report = throttle(report)
        self._producer = producer
        folder = Path(settings.data_dir) / "syncs"
        self._path = folder / f"{sync.name}.duckdb"
        self._lock_path = folder / f"{sync.name}.lock"
        self._status_path = folder / f"{sync.name}.json"
        self._rows_read = 0

    @property
    def topic(self) -> str:
        """Topic of the row events: that of the sync, else the first source topic."""
        return self.sync.topic or self._settings.source_topics[0]

    def check(self) -> list[str]:
        """Return the names of the query's columns, without reading a row.

        Raises:
            ConfigError: The database refuses, or a column is missing.
        """
        database = self._open_database()
        with database.read(limit_zero(self._sql())) as source:
            self._check_columns(source)
            return [f"{column.name} ({column.kind})" for column in source.columns]

    def plan(self, *, samples: int = 0) -> tuple[SyncStatus, list[tuple[str, str]]]:
        """Read and compare, and change nothing; a run under way is only described.

        Returns:
            The status, and the change and the key of a few rows.
        """
        with self._open_state() as file:
            if file.state.phase is not Phase.IDLE:
                return self._status(file), _samples(file, samples)
            self._stage(file)
            problems = self._guard_problems(file)
            phase = Phase.PAUSED if problems else Phase.IDLE
            status = self._status(file, phase=phase, problems=problems)
            return status, _samples(file, samples)

    def run(self) -> SyncStatus:
        """Send what an earlier run has left; then read, compare and send.

        Returns:
            The status; its phase is `paused` if a guard has paused the run.

        Raises:
            ConfigError: The database or Kafka refuses; the state is as before.
        """
        with self._open_state() as file:
            if file.state.phase is Phase.PAUSED:
                return self._status(file)
            if file.state.phase is Phase.APPROVED:
                return self._send(file)
            if file.state.phase is Phase.SENDING:
                self._send(file)
            self._stage(file)
            if problems := self._guard_problems(file):
                file.pause(problems)
                return self._write_status(file)
            return self._send(file)

    def resume(self) -> SyncStatus:
        """Send what an approved or an interrupted run has left; read nothing.

        Raises:
            ConfigError: There is no such run.
        """
        with self._open_state() as file:
            if file.state.phase is Phase.PAUSED:
                return self._status(file)
            if file.state.phase is Phase.IDLE:
                problem = f"sync: {self.sync.name} has no run to resume"
                raise ConfigError([f"{problem}; use klaviyo-streams sync run"])
            return self._send(file)

    def approve(self) -> SyncStatus:
        """Release a paused run; the next run or `resume` sends it.

        Raises:
            ConfigError: No run is paused.
        """
        with self._open_state() as file:
            if file.state.phase is not Phase.PAUSED:
                raise ConfigError([f"sync: {self.sync.name} has no paused run"])
            file.state.phase = Phase.APPROVED
            file.save()
            return self._write_status(file)

    def reset(self, *, plan_only: bool) -> SyncStatus:
        """Forget the paused run, or the whole state: the next run is the first."""
        with hold_lock(self._lock_path):
            if not plan_only:
                remove_state(self._path)
            with StateFile(self._path) as file:
                file.discard_plan()
                return self._write_status(file)

    def status(self) -> SyncStatus:
        """Return the last step; a run that holds the state is not disturbed."""
        return read_status(self._status_path, sync=self.sync.name)

    @contextmanager
    def _open_state(self) -> Iterator[StateFile]:
        with hold_lock(self._lock_path), StateFile(self._path) as file:
            try:
                yield file
            except ConfigError as failure:
                self._write_status(file, error=str(failure))
                raise

    def _stage(self, file: StateFile) -> SyncPlan:
        self._rows_read = 0
        self._write_status(file, phase=READING)
        database = self._open_database()
        sql = self._sql_since(file, database)
        with database.read(sql) as source:
            self._check_columns(source)
            counted = RowSource(
                source.columns, source.schema, self._count_rows(file, source)
            )
            return file.stage(self.sync, counted, now_ms=clock_ms())

    def _count_rows(self, file: StateFile, source: RowSource) -> Iterator[object]:
        """Yield the batches of a source, and report how far and how fast they come."""
        started_s = time.monotonic()
        previous = file.state.plan.rows if file.state.plan else 0
        for batch in source.batches:
            yield batch
            self._rows_read += batch.num_rows
            rate = self._rows_read / max(time.monotonic() - started_s, 0.001)
            self._report(
                f"{self.sync.name}: read {_progress(self._rows_read, previous, rate)}"
            )

    def _guard_problems(self, file: StateFile) -> list[str]:
        plan = file.state.plan
        if plan is None:
            return []
        return guard_problems(plan, self.sync.guards, mode=self.sync.mode)

    def _send(self, file: StateFile) -> SyncStatus:
        if not file.is_baseline(self.sync):
            file.begin_sending()
            self._write_status(file)
            asyncio.run(self._send_rows(file))
        file.promote(self.sync)
        return self._write_status(file)

    async def _send_rows(self, file: StateFile) -> None:
        if self._producer is not None:
            await self._sender(file, self._producer).send()
            return
        producer = Producer(kafka_access(self._settings))
        async with producer:
            await self._sender(file, producer).send()

    def _sender(self, file: StateFile, producer: RecordProducer) -> RunSender:
        return RunSender(
            file,
            self.sync,
            producer,
            topic=self.topic,
            deadletters=self._settings.topics.deadletters,
            app_id=self._settings.app_id,
            report=self._sent_reporter(file),
        )

    def _sent_reporter(self, file: StateFile) -> Callable[[int], None]:
        started_s, before = time.monotonic(), file.state.sent
        total = file.state.plan.changes if file.state.plan else 0

        def report(sent: int) -> None:
            rate = (sent - before) / max(time.monotonic() - started_s, 0.001)
            self._report(f"{self.sync.name}: sent {_progress(sent, total, rate)}")

        return report

    def _status(
        self,
        file: StateFile,
        *,
        phase: str = "",
        problems: list[str] | None = None,
        error: str = "",
    ) -> SyncStatus:
        state = file.state
        return SyncStatus(
            sync=self.sync.name,
            phase=phase or state.phase,
            generation=state.generation,
            updated_ms=clock_ms(),
            rows_read=self._rows_read,
            sent=state.sent,
            plan=state.plan,
            problems=state.problems if problems is None else problems,
            error=error,
        )

    def _write_status(
        self, file: StateFile, *, phase: str = "", error: str = ""
    ) -> SyncStatus:
        status = self._status(file, phase=phase, error=error)
        write_status(self._status_path, status)
        return status

    def _check_columns(self, source: RowSource) -> None:
        problems = column_problems(
            self.sync, [column.name for column in source.columns]
        )
        if problems:
            raise ConfigError(problems)

    def _open_database(self) -> Database:
        sync = self.sync
        at = f"syncs.{sync.name}"
        if sync.connection_file:
            path = Path(sync.connection_file)
            if not path.is_file():
                raise ConfigError([f"{at}.connection_file: no such file: {path}"])
            return open_database(path.read_text().strip(), at=f"{at}.connection_file")
        url = os.environ.get(sync.connection_env, "")
        if not url:
            problem = f"the environment variable {sync.connection_env} is not set"
            raise ConfigError([f"{at}.connection_env: {problem}"])
        return open_database(url, at=f"{at}.connection_env")

    def _sql(self) -> str:
        dbt = self.sync.dbt
        if dbt is None:
            return clean_sql(self.sync.sql)
        at = f"syncs.{self.sync.name}.dbt"
        path = Path(dbt.manifest)
        if not path.is_file():
            problem = f"no such file: {path}; run dbt compile or dbt build"
            raise ConfigError([f"{at}.manifest: {problem}"])
        return relation_query(path.read_bytes(), dbt, at=at)

    def _sql_since(self, file: StateFile, database: Database) -> str:
        """Return the query of this run: from the last cursor on, if there is one."""
        sync, state = self.sync, file.state
        if not (sync.cursor and state.cursor):
            return self._sql()
        kinds = {column.name: column.kind for column in state.diff.columns}
        kind = kinds.get(sync.cursor, ColumnKind.TEXT)
        value = cursor_literal(state.cursor, kind, lag_s=sync.cursor_lag_s)
        column = database.quote(sync.cursor)
        return since_cursor(self._sql(), column=column, value=value)


def _samples(file: StateFile, count: int) -> list[tuple[str, str]]:
    return [
        (CHANGES.get(row.op, RowChange.DELETED).value, row.key or "")
        for row in file.sample(count)
    ]


def _progress(count: int, total: int, rate: float) -> str:
    """Describe a count with its rate, and the time that is left if a total is known."""
    text = f"{count:,} rows, {rate:,.0f} rows/s"
    if total <= count or not rate:
        return text
    return f"{text}, {(total - count) / rate:,.0f} s left of about {total:,}"
