"""Tests of the databases: rows of each become the same values."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from agents.admin.warehouse.database import open_database
from agents.admin.warehouse.state_file import StateFile
from streams.errors import ConfigError
from streams.mapping.values import Json
from streams.warehouse.query import clean_sql, limit_zero
from streams.warehouse.values import value_of
from tests.agents.admin.warehouse.sync_case import read_sync
from tests.support.postgres import Postgres

POSTGRES_VALUES = [
    ("true", True),
    ("32767::smallint", 32767),
    ("9223372036854775807::bigint", 9223372036854775807),
    ("1.50::numeric", 1.5),
    ("12345678901234567890.123456789::numeric", "12345678901234567890.123456789"),
    ("'NaN'::numeric", "nan"),
    ("0.1::float4", 0.1),
    ("0.1::float8", 0.1),
    ("1e300::float8", 1e300),
    ("'NaN'::float8", "nan"),
    ("'é'::text", "é"),
    ("''::text", ""),
    ("'b'::char(2)", "b "),
    (
        "'4fd84db1-d464-4729-92f2-0eeed3ac9ed2'::uuid",
        "4fd84db1-d464-4729-92f2-0eeed3ac9ed2",
    ),
    ("'{\"a\": [1, null]}'::jsonb", {"a": [1, None]}),
    ("'{\"a\": 1}'::json", {"a": 1}),
    ("'2026-01-02 03:04:05.123456+02'::timestamptz", "2026-01-02T01:04:05.123456Z"),
    ("'2026-01-02 03:04:05'::timestamp", "2026-01-02T03:04:05"),
    ("'2026-01-02'::date", "2026-01-02"),
    ("'03:04:05.5'::time", "03:04:05.5"),
    ("array['a', NULL]", ["a", None]),
    ("array[1.5::numeric]", ["1.5"]),
    ("'\\xdead'::bytea", "3q0="),
    ("NULL::int", None),
    ("'1 day'::interval", "1 day"),
]

SQLITE_VALUES: list[tuple[str, Json]] = [
    ("1", 1),
    ("1.5", 1.5),
    ("'text'", "text"),
    ("'12'", "12"),
    ("x'dead'", "3q0="),
    ("NULL", None),
]

DUCKDB_VALUES: list[tuple[str, Json]] = [
    ("true", True),
    (
        "170141183460469231731687303715884105727::hugeint",
        "170141183460469231731687303715884105727",
    ),
    ("1.50::decimal(10,2)", 1.5),
    ("0.1::float", 0.1),
    ("timestamp_ns '2026-01-02 03:04:05.123456789'", "2026-01-02T03:04:05.123456"),
    ("timestamptz '2026-01-02 03:04:05+02'", "2026-01-02T01:04:05Z"),
    ("{'a': 1, 'b': [1.5]}", {"a": 1, "b": [1.5]}),
    ("'[1]'::json", [1]),
    ("'a'::enum('a', 'b')", "a"),
    (
        "uuid '4fd84db1-d464-4729-92f2-0eeed3ac9ed2'",
        "4fd84db1-d464-4729-92f2-0eeed3ac9ed2",
    ),
]


def read_values(url: str, sql: str, folder: Path, *, zone: str = "") -> dict[str, Json]:
    """Read the only row of a query through a state file; return it by column."""
    with StateFile(folder / "state.duckdb") as file:
        with open_database(url, at="at").read(clean_sql(sql)) as source:
            file.stage(read_sync(key="k"), source, now_ms=0)
        ((_, [row]),) = file.rows.changed_rows()
        columns = file.state.diff.columns
        return {
            column.name: value_of(text, column.kind, zone=zone)
            for column, text in zip(columns, row.texts, strict=True)
        }


def _query(values: list[tuple[str, Json]]) -> str:
    columns = (f"{sql} AS v{index}" for index, (sql, _) in enumerate(values))
    return f"SELECT 'key' AS k, {', '.join(columns)};  "


def _expected(values: list[tuple[str, Json]]) -> dict[str, Json]:
    return {"k": "key"} | {
        f"v{index}": value for index, (_, value) in enumerate(values)
    }


def test_values_of_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    """Exact, and of the same type whatever the value."""
    query = _query(POSTGRES_VALUES)

    assert read_values(postgres.url, query, tmp_path) == _expected(POSTGRES_VALUES)


def test_values_of_sqlite(tmp_path: Path) -> None:
    """Each value has a type of its own."""
    path = tmp_path / "warehouse.db"
    sqlite3.connect(path).close()
    path.touch()

    read = read_values(f"sqlite:///{path}", _query(SQLITE_VALUES), tmp_path)

    assert read == _expected(SQLITE_VALUES)


def test_values_of_duckdb(tmp_path: Path) -> None:
    """Also those that PostgreSQL does not have."""
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(path).close()

    read = read_values(f"duckdb:///{path}", _query(DUCKDB_VALUES), tmp_path)

    assert read == _expected(DUCKDB_VALUES)


def test_values_through_sqlalchemy(postgres: Postgres, tmp_path: Path) -> None:
    """Python's values; those of other dialects come in the same way."""
    url = postgres.url.replace("postgresql:", "postgresql+psycopg:")
    sql = "SELECT 'key' AS k, 1.5::numeric AS n, now() AS at, '%:x' AS t, true AS b"

    read = read_values(url, sql, tmp_path)

    assert read["at"]
    assert read | {"at": ""} == {"k": "key", "n": 1.5, "at": "", "t": "%:x", "b": True}


def test_a_timestamp_without_a_zone_takes_that_of_the_sync(tmp_path: Path) -> None:
    """With the daylight saving time of its date."""
    path = tmp_path / "warehouse.duckdb"
    duckdb.connect(path).close()
    sql = "SELECT 'key' AS k, timestamp '2026-07-01 12:00:00' AS at"

    read = read_values(f"duckdb:///{path}", sql, tmp_path, zone="Europe/Stockholm")

    assert read["at"] == "2026-07-01T12:00:00+02:00"


def test_a_column_of_sqlite_changes_its_type(tmp_path: Path) -> None:
    """Row by row, as SQLite allows; ADBC's driver would fail at the second row."""
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people(id INTEGER, v)")
        connection.execute("INSERT INTO people VALUES (1, NULL), (2, 7), (3, 'x')")

    with StateFile(tmp_path / "state.duckdb") as file:
        with open_database(f"sqlite:///{path}", at="at").read(
            "SELECT * FROM people"
        ) as source:
            plan = file.stage(read_sync(), source, now_ms=0)
        ((_, rows),) = file.rows.changed_rows()

    assert plan.added == 3
    assert {row.key: row.texts[1] for row in rows} == {"1": None, "2": "7", "3": '"x"'}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("warehouse", "is not a URL", id="no-scheme"),
        pytest.param("snowflake://a", "pip install adbc-driver-snowflake", id="adbc"),
        pytest.param("bigquery://a", "pip install adbc-driver-bigquery", id="bigquery"),
        pytest.param("mysql+pymysql://a", "install the package", id="no-driver"),
        pytest.param("nonsense://a", "install the package", id="no-dialect"),
    ],
)
def test_a_url_without_a_driver_says_what_to_install(url: str, problem: str) -> None:
    """The error comes before anything connects."""
    with pytest.raises(ConfigError, match=problem):
        open_database(url, at="syncs.people.connection_env")


@pytest.fixture(params=["postgresql", "postgresql+psycopg"])
def unreachable(request: pytest.FixtureRequest) -> str:
    """A URL of a database that is not there, with a password."""
    return f"{request.param}://reader:5ecret@127.0.0.1:1/shop"


def test_an_error_does_not_show_the_password(unreachable: str) -> None:
    """Drivers quote the URL, or parts of it."""
    database = open_database(unreachable, at="at")

    with (
        pytest.raises(ConfigError, match="warehouse: ") as failure,
        database.read("SELECT 1"),
    ):
        pass

    assert "5ecret" not in str(failure.value)


def test_a_type_without_a_text_is_refused(postgres: Postgres) -> None:
    """Rather than sent as bytes that nobody can read."""
    database = open_database(postgres.url, at="at")

    with (
        pytest.raises(ConfigError, match="cast it in the query"),
        database.read("SELECT '1.1.1.1'::inet AS ip"),
    ):
        pass


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT 1 AS k;", id="semicolon"),
        pytest.param("SELECT 1 AS k ; \n ;", id="semicolons"),
        pytest.param("SELECT 1 AS k -- the key", id="comment"),
        pytest.param("WITH t AS (SELECT 1 AS k) SELECT * FROM t", id="with"),
    ],
)
def test_a_query_can_be_wrapped(postgres: Postgres, sql: str) -> None:
    """The columns are read without a row."""
    with open_database(postgres.url, at="at").read(limit_zero(sql)) as source:
        assert [column.name for column in source.columns] == ["k"]
        assert sum(batch.num_rows for batch in source.batches) == 0
