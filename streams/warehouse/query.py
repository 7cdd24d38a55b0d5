"""Query of a sync: the text that the database receives."""

from pathlib import PurePath
from typing import Final

import orjson

from streams.destination.syncs.model import DbtModel, Sync
from streams.errors import ConfigError
from streams.warehouse.columns import ColumnKind, literal
from streams.warehouse.values import value_of

_RESOURCE_TYPES: Final = ("model", "seed", "snapshot")
"""Nodes of a dbt manifest that are relations; tests and operations have names too."""

_NO_ROWS: Final = "1 = 0"


def clean_sql(sql: str) -> str:
    """Return a query without white space and semicolons at the end."""
    return sql.strip().rstrip("; \t\r\n")


def limit_zero(sql: str) -> str:
    """Return a query with the columns of another query, and without a row."""
    return _select(sql, where=_NO_ROWS)


def since_cursor(sql: str, *, column: str, value: str) -> str:
    """Return the rows of a query from a cursor on, rows at the cursor included.

    Args:
        sql: The query.
        column: QueryColumn with the cursor, quoted for the database.
        value: Literal by `cursor_literal`.
    """
    return _select(sql, where=f"{column} >= {value}")


def cursor_literal(text: str, kind: ColumnKind, *, lag_s: float) -> str:
    """Return the SQL of a cursor; a timestamp is moved back by the lag.

    Args:
        text: Canonical text of the cursor.
        kind: Kind of its column.
        lag_s: Seconds before the cursor that are read again.
    """
    if kind in (ColumnKind.TIMESTAMP, ColumnKind.INSTANT):
        earlier_us = int(text) - int(lag_s * 1_000_000)
        return literal(str(value_of(str(earlier_us), kind)))
    value = value_of(text, kind)
    if isinstance(value, int | float):
        return str(value)
    return literal(str(value))


def _select(sql: str, *, where: str) -> str:
    """Wrap a query; the line break ends a comment in the query's last line."""
    return f"SELECT * FROM (\n{clean_sql(sql)}\n) AS sync_rows WHERE {where}"


def relation_query(manifest: bytes, dbt: DbtModel, *, at: str) -> str:
    """Return the query that reads the relation of a dbt model.

    Args:
        manifest: Contents of `target/manifest.json`; its `nodes[*].relation_name` is
            the quoted name of the relation (dbt-core, manifest v12).
        dbt: Name of the model, or its unique id.
        at: Path of the model in the destination file, for errors.

    Raises:
        ConfigError: The manifest has no such model, or several.
    """
    try:
        nodes = orjson.loads(manifest)["nodes"].values()
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        problem = "is not a manifest.json of dbt; run dbt compile or dbt build"
        raise ConfigError([f"{at}.manifest: {dbt.manifest} {problem}"]) from None
    matching = [
        node
        for node in nodes
        if node.get("resource_type") in _RESOURCE_TYPES
        and dbt.model in (node.get("name"), node.get("unique_id"))
    ]
    relations = [node["relation_name"] for node in matching if node["relation_name"]]
    if len(matching) > 1:
        ids = ", ".join(sorted(node["unique_id"] for node in matching))
        raise ConfigError([f"{at}.model: {dbt.model} is ambiguous; choose of: {ids}"])
    if not relations:
        problem = "is ephemeral, so it has no relation" if matching else "is not in"
        name = "" if matching else f" {PurePath(dbt.manifest).name}"
        raise ConfigError([f"{at}.model: {dbt.model} {problem}{name}"])
    return f"SELECT * FROM {relations[0]}"


def column_problems(sync: Sync, columns: list[str]) -> list[str]:
    """Return the problems of a query's columns, with the paths of the causes.

    Args:
        sync: The sync.
        columns: Names of the columns that the query returns.
    """
    at = f"syncs.{sync.name}"
    wanted = [
        *((f"{at}.key", name) for name in sync.key),
        *((f"{at}.columns", name) for name in sync.columns),
        (f"{at}.user_id", sync.user_id),
        (f"{at}.email", sync.email),
        (f"{at}.cursor", sync.cursor),
    ]
    names = ", ".join(columns)
    missing = [
        f"{path}: the query returns no column {name}; it returns {names}"
        for path, name in wanted
        if name and name not in columns
    ]
    repeated = sorted({name for name in columns if columns.count(name) > 1})
    twice = [
        f"{at}.sql: returns two columns named {name}; rename one with AS"
        for name in repeated
    ]
    return [*missing, *twice]
