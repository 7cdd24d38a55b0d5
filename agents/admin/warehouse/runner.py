"""Runs of a sync, from the query to the state that replaces the last one."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from agents.admin.progress import ReportLine
from agents.admin.warehouse.database import RowSource
from agents.admin.warehouse.lock import SyncStatus, hold_lock, read_status
from agents.admin.warehouse.run_status import RunStatus
from agents.admin.warehouse.sender import CHANGES, RunSender
from agents.admin.warehouse.state_file import StateFile, remove_state
from agents.admin.warehouse.state_topic.lease import LeaseHeld
from agents.admin.warehouse.state_topic.shared_state import SharedSession, SharedState
from agents.admin.warehouse.sync_query import SyncQuery
from agents.engine.producer import Producer, RecordProducer
from agents.shared.context import clock_ms, kafka_access
from streams.destination.syncs.model import InitialRun, StateStore, Sync
from streams.errors import ConfigError
from streams.events.row import RowChange
from streams.settings import Settings
from streams.warehouse.plan import SyncPlan, guard_problems
from streams.warehouse.sync_state import Phase

READING: Final = "reading"
"""Step of a run before its phase is in the state."""


class SyncRunner:
    """Runner of one sync.

    Args:
        settings: Access to Kafka, the names of the topics, and `data_dir`.
        sync: The sync.
        report: Receives lines of progress.
        producer: Writes the records; by default to the Kafka of the settings.

    Attributes:
        sync: The sync.
        query: Its query.
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
        self._producer = producer
        folder = Path(settings.data_dir) / "syncs"
        self._path = folder / f"{sync.name}.duckdb"
        self._lock_path = folder / f"{sync.name}.lock"
        self._status_path = folder / f"{sync.name}.json"
        self._run = RunStatus(sync.name, self._status_path, report=report)
        self._shared = (
            SharedState(settings, sync, report=report)
            if sync.state is StateStore.TOPIC
            else None
        )
        self.query = SyncQuery(sync)

    @property
    def topic(self) -> str:
        """Topic of the row events: that of the sync, else the first source topic."""
        return self.sync.topic or self._settings.source_topics[0]

    def plan(self, *, samples: int = 0) -> tuple[SyncStatus, list[tuple[str, str]]]:
        """Read and compare, and change nothing; a run under way is only described.

        Returns:
            The status, and the change and the key of a few rows.
        """
        with self._open_state() as (file, _):
            if file.state.phase is not Phase.IDLE:
                return self._run.describe(file.state), _samples(file, samples)
            self._stage(file)
            problems = _guard_problems(file.state.plan, self.sync)
            phase = Phase.PAUSED if problems else Phase.IDLE
            status = self._run.describe(file.state, phase=phase, problems=problems)
            return status, _samples(file, samples)

    def run(self) -> SyncStatus:
        """Send what an earlier run has left; then read, compare and send.

        Returns:
            The status; its phase is `paused` if a guard has paused the run.

        Raises:
            ConfigError: The database or Kafka refuses; the state is as before.
        """
        with self._open_state() as (file, session):
            if file.state.phase is Phase.PAUSED:
                return self._run.describe(file.state)
            if file.state.phase is Phase.APPROVED:
                return self._send(file, session)
            if file.state.phase is Phase.SENDING:
                self._send(file, session)
            self._stage(file)
            if problems := _guard_problems(file.state.plan, self.sync):
                file.pause(problems)
                return self._run.write(file.state)
            return self._send(file, session)

    def resume(self) -> SyncStatus:
        """Send what an approved or an interrupted run has left; read nothing.

        Raises:
            ConfigError: There is no such run.
        """
        with self._open_state() as (file, session):
            if file.state.phase is Phase.PAUSED:
                return self._run.describe(file.state)
            if file.state.phase is Phase.IDLE:
                problem = f"sync: {self.sync.name} has no run to resume"
                raise ConfigError([f"{problem}; use klaviyo-streams sync run"])
            return self._send(file, session)

    def approve(self) -> SyncStatus:
        """Release a paused run; the next run or `resume` sends it.

        Raises:
            ConfigError: No run is paused.
        """
        with self._open_state() as (file, _):
            if file.state.phase is not Phase.PAUSED:
                raise ConfigError([f"sync: {self.sync.name} has no paused run"])
            file.state.phase = Phase.APPROVED
            file.save()
            return self._run.write(file.state)

    def reset(self, *, plan_only: bool) -> SyncStatus:
        """Forget the paused run, or the whole state: the next run is the first."""
        if plan_only:
            with self._open_state() as (file, _):
                file.discard_plan()
                return self._run.write(file.state)
        with hold_lock(self._lock_path):
            remove_state(self._path)
        with self._open_state(keeps_rows=False) as (file, _):
            file.discard_plan()
            return self._run.write(file.state)

    def is_interrupted_elsewhere(self) -> bool:
        """Return True if a machine died in the middle of sending a run.

        A Kafka that does not answer is no reason to end a service: nothing is known. A
        run that a guard has paused on this machine waits for its approval.
        """
        if self._shared is None or self.status().phase == Phase.PAUSED:
            return False
        with suppress(ConfigError):
            return self._shared.is_interrupted()
        return False

    def has_run_since(self, due: datetime) -> bool:
        """Return True if any machine has ended a run at a time or later.

        A Kafka that does not answer says nothing; the run itself reports it.
        """
        if self._shared is None:
            return False
        with suppress(ConfigError):
            return self._shared.ended_ms() >= due.timestamp() * 1000
        return False

    def status(self) -> SyncStatus:
        """Return the last step; a run that holds the state is not disturbed."""
        return read_status(self._status_path, sync=self.sync.name)

    @contextmanager
    def _open_state(
        self, *, keeps_rows: bool = True
    ) -> Iterator[tuple[StateFile, SharedSession | None]]:
        with hold_lock(self._lock_path), ExitStack() as stack:
            file = stack.enter_context(StateFile(self._path))
            session = None
            try:
                if self._shared is not None:
                    session = stack.enter_context(
                        self._shared.open(file, keeps_rows=keeps_rows)
                    )
                yield file, session
            except LeaseHeld:  # the run of that machine has the status
                raise
            except ConfigError as failure:
                self._run.write(file.state, error=str(failure))
                raise

    def _stage(self, file: StateFile) -> SyncPlan:
        self._run.write(file.state, phase=READING)
        database = self.query.open_database()
        with database.read(self.query.sql_since(file.state, database)) as source:
            self.query.check_columns(source)
            batches = self._run.count_rows(file.state, source)
            counted = RowSource(source.columns, source.schema, batches)
            return file.stage(self.sync, counted, now_ms=clock_ms())

    def _send(self, file: StateFile, session: SharedSession | None) -> SyncStatus:
        manifest_id = session.begin(file) if session else ""
        is_baseline = self.sync.initial is InitialRun.BASELINE
        if not is_baseline or file.state.has_rows:
            file.begin_sending(manifest_id=manifest_id)
            self._run.write(file.state)
            asyncio.run(self._send_rows(file, session))
        manifest_id = session.end(file) if session else ""
        file.promote(self.sync, manifest_id=manifest_id)
        if session:
            session.tidy(file)
        return self._run.write(file.state)

    async def _send_rows(self, file: StateFile, session: SharedSession | None) -> None:
        async with AsyncExitStack() as stack:
            producer = session.producer if session else self._producer
            if producer is None:
                kafka = Producer(kafka_access(self._settings))
                await stack.enter_async_context(kafka)
                producer = kafka
            sender = RunSender(
                file,
                self.sync,
                producer,
                topic=self.topic,
                deadletters=self._settings.topics.deadletters,
                app_id=self._settings.app_id,
                report=self._run.sent_reporter(file.state),
            )
            await sender.send()


def _guard_problems(plan: SyncPlan | None, sync: Sync) -> list[str]:
    return [] if plan is None else guard_problems(plan, sync.guards, mode=sync.mode)


def _samples(file: StateFile, count: int) -> list[tuple[str, str]]:
    return [
        (CHANGES.get(row.op, RowChange.DELETED).value, row.key or "")
        for row in file.rows.sample(count)
    ]
