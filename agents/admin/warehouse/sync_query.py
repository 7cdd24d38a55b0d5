"""Query of a sync: its SQL or its model of dbt, and the database that it is for."""

import os
from pathlib import Path

from agents.admin.warehouse.database import Database, RowSource, open_database
from streams.destination.syncs.model import Sync
from streams.errors import ConfigError
from streams.warehouse.columns import ColumnKind
from streams.warehouse.query import (
    clean_sql,
    column_problems,
    cursor_literal,
    limit_zero,
    relation_query,
    since_cursor,
)
from streams.warehouse.sync_state import SyncState


class SyncQuery:
    """Query of a sync.

    Args:
        sync: The sync.
    """

    def __init__(self, sync: Sync) -> None:
        self._sync = sync

    def check(self) -> list[str]:
        """Return the names of the query's columns, without reading a row.

        Raises:
            ConfigError: The database refuses, or a column is missing.
        """
        with self.open_database().read(limit_zero(self._sql())) as source:
            self.check_columns(source)
            return [f"{column.name} ({column.kind})" for column in source.columns]

    def check_columns(self, source: RowSource) -> None:
        """Refuse a query that lacks a column of the sync.

        Raises:
            ConfigError: Each missing column.
        """
        problems = column_problems(
            self._sync, [column.name for column in source.columns]
        )
        if problems:
            raise ConfigError(problems)

    def open_database(self) -> Database:
        """Open the database whose address is in the environment or in a file.

        Raises:
            ConfigError: The address is missing, or names no database.
        """
        sync = self._sync
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

    def sql_since(self, state: SyncState, database: Database) -> str:
        """Return the query of a run: from the last cursor on, if there is one.

        Raises:
            ConfigError: The manifest of dbt is missing, or has no such model.
        """
        sync = self._sync
        if not (sync.cursor and state.cursor):
            return self._sql()
        kinds = {column.name: column.kind for column in state.diff.columns}
        kind = kinds.get(sync.cursor, ColumnKind.TEXT)
        value = cursor_literal(state.cursor, kind, lag_s=sync.cursor_lag_s)
        column = database.quote(sync.cursor)
        return since_cursor(self._sql(), column=column, value=value)

    def _sql(self) -> str:
        dbt = self._sync.dbt
        if dbt is None:
            return clean_sql(self._sync.sql)
        at = f"syncs.{self._sync.name}.dbt"
        path = Path(dbt.manifest)
        if not path.is_file():
            problem = f"no such file: {path}; run dbt compile or dbt build"
            raise ConfigError([f"{at}.manifest: {problem}"])
        return relation_query(path.read_bytes(), dbt, at=at)
