"""A DuckDB table, a sync of it, and what its row events add up to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from agents.admin.warehouse.lock import SyncStatus
from agents.admin.warehouse.runner import SyncRunner
from streams.destination.problems import ConfigProblems
from streams.destination.syncs.model import Sync
from streams.destination.syncs.reader import read_syncs
from streams.mapping.values import Json
from streams.settings import load_settings
from tests.support.worker_fakes import FakeProducer

URL_ENV = "SYNC_CASE_URL"
SOURCE_TOPIC = "rows"
DEADLETTERS = "klaviyo-streams.deadletters"


def read_sync(**fields: Json) -> Sync:
    """Read a sync named `people` from the fields of its part."""
    part: dict[str, Json] = {
        "connection_env": URL_ENV,
        "sql": "SELECT * FROM people",
        "key": "id",
        **fields,
    }
    problems = ConfigProblems()
    sync = read_syncs({"people": part}, problems=problems)["people"]
    assert not problems.lines
    return sync


def row_events(producer: FakeProducer) -> list[dict[str, Any]]:
    """Return the bodies of the row events."""
    return [orjson.loads(m.value or b"") for m in producer.to(SOURCE_TOPIC)]


def apply_events(
    rows: dict[str, Mapping[str, Json]], events: Sequence[dict[str, Any]]
) -> dict[str, Mapping[str, Json]]:
    """Apply row events to rows by key, as somebody downstream does."""
    for event in events:
        if event["event"] == "deleted":
            rows.pop(event["__segment_id"], None)
        else:
            rows[event["__segment_id"]] = event["properties"]
    return rows


class SyncCase:
    """DuckDB file with the table `people`, and its sync.

    Attributes:
        producer: Records of all runs.
        lines: Lines of progress.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._warehouse, self._folder = folder / "warehouse.duckdb", folder / "data"
        monkeypatch.setenv(URL_ENV, f"duckdb:///{self._warehouse}")
        self.producer = FakeProducer()
        self.lines: list[str] = []
        self.execute("CREATE TABLE people(id INTEGER, email VARCHAR, plan VARCHAR)")

    def execute(self, sql: str) -> None:
        """Execute a statement in the warehouse."""
        with duckdb.connect(self._warehouse) as warehouse:
            warehouse.execute(sql)

    def insert(self, count: int, *, start: int = 0) -> None:
        """Insert people with consecutive ids."""
        self.execute(
            "INSERT INTO people SELECT i, 'p' || i || '@example.com', 'free' "
            f"FROM range({start}, {start + count}) numbers(i)"
        )

    def runner(self, **fields: Json) -> SyncRunner:
        """Return a runner of the sync with these fields."""
        env = {
            "KLAVIYO_STREAMS_DATA_DIR": str(self._folder),
            "KLAVIYO_STREAMS_SOURCE_TOPICS": SOURCE_TOPIC,
        }
        settings = load_settings(env, None, for_delivery=False)
        return SyncRunner(
            settings,
            read_sync(**fields),
            report=self.lines.append,
            producer=self.producer,
        )

    def run(self, **fields: Json) -> tuple[SyncStatus, list[dict[str, Any]]]:
        """Run the sync; return its status and the row events of this run alone."""
        self.producer.sent.clear()
        status = self.runner(**fields).run()
        return status, row_events(self.producer)

    def rows(self) -> dict[str, Mapping[str, Json]]:
        """Return the rows of the warehouse by key, as row events have them."""
        with duckdb.connect(self._warehouse, read_only=True) as warehouse:
            result = warehouse.execute("SELECT id, email, plan FROM people").fetchall()
        return {str(i): {"id": i, "email": e, "plan": p} for i, e, p in result}
