"""Rows of a database as Arrow batches, in bounded memory and from one statement."""

import sqlite3
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

import duckdb
import orjson
import pyarrow as pa
import sqlalchemy

from agents.admin.warehouse.arrow_columns import column_of, plain_batches, plain_schema
from streams.errors import ConfigError
from streams.warehouse.columns import ColumnKind, QueryColumn, quote
from streams.warehouse.values import INTEGER_MAX, value_of

PARTITION_ROWS: Final = 10_000
"""Rows that SQLAlchemy fetches at once. Without a size it takes the whole result for
a single partition (measured with 2.1.9: 2.6 GB for 5 million rows)."""

BATCH_ROWS: Final = 50_000
"""Rows of a batch that DuckDB returns."""

SOURCE_MEMORY: Final = "256MB"
"""Limit of a DuckDB that runs the query of a sync."""

NO_PROGRESS_BAR: Final = "SET enable_progress_bar = false"
"""Statement for DuckDB, which prints a bar of its own on a terminal."""

_SOURCE_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "memory_limit": SOURCE_MEMORY,
    "preserve_insertion_order": False,  # or a result waits in memory for its order
}
_ADBC_DRIVERS: Final = {
    "postgresql": "adbc_driver_postgresql",
    "snowflake": "adbc_driver_snowflake",
    "bigquery": "adbc_driver_bigquery",
}
_ALIASES: Final = {"postgres": "postgresql"}
_BACKTICKS: Final = frozenset({"mysql", "mariadb", "bigquery", "databricks"})
_ONE_SNAPSHOT: Final = (
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, "
    "READ ONLY"
)


@dataclass(frozen=True, slots=True)
class RowSource:
    """Result of a query that is being read.

    Attributes:
        columns: Columns of the result.
        schema: Arrow schema of the batches.
        batches: Batches that DuckDB can read, once.
    """

    columns: tuple[QueryColumn, ...]
    schema: Any
    batches: Iterable[Any]


class Database(Protocol):
    """Database whose rows are read."""

    def read(self, sql: str) -> AbstractContextManager[RowSource]:
        """Run a query, and return its rows while they arrive."""
        ...

    def quote(self, name: str) -> str:
        """Return the name of a column as an identifier of this database."""
        ...


def open_database(url: str, *, at: str) -> Database:
    """Return the database of a URL; nothing connects yet.

    Args:
        url: `postgresql://`, `sqlite:///FILE`, `duckdb:///FILE`, `snowflake://`,
            `bigquery://`, or any URL that SQLAlchemy has a dialect for.
        at: Path of the URL in the destination file, for errors.

    Raises:
        ConfigError: The URL is not one, or its driver is not installed.
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise ConfigError([f"{at}: is not a URL, such as postgresql://HOST/DATABASE"])
    scheme = _ALIASES.get(scheme, scheme)
    if scheme == "duckdb":
        return FileDatabase(_path_of(url), _read_duckdb)
    if scheme == "sqlite":
        return FileDatabase(_path_of(url), _read_sqlite)
    if scheme in _ADBC_DRIVERS:
        return AdbcDatabase(url, scheme, at=at)
    return SqlAlchemyDatabase(url, at=at)


def _path_of(url: str) -> Path:
    """Return the path of `duckdb:///relative` or `duckdb:////absolute`."""
    return Path(unquote(url.partition(":///")[2]))


@contextmanager
def _readable_errors(url: str) -> Iterator[None]:
    """Turn errors of a driver into lines without the password of the URL."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as failure:  # noqa: BLE001 - each driver has errors of its own
        text = " ".join(str(failure).split())[:500]
        password = urlsplit(url).password
        if password:
            text = text.replace(password, "***").replace(unquote(password), "***")
        raise ConfigError([f"warehouse: {text}"]) from None


class FileDatabase:
    """Database in a file, opened for reading.

    Args:
        path: The file.
        read_file: Runs a query over the file, and returns its rows while they arrive.
    """

    def __init__(
        self,
        path: Path,
        read_file: Callable[[Path, str], AbstractContextManager[RowSource]],
    ) -> None:
        self._path, self._read_file = path, read_file

    @contextmanager
    def read(self, sql: str) -> Iterator[RowSource]:
        """Run a query, and return its rows while they arrive."""
        with _readable_errors(""):
            if not self._path.is_file():
                raise ConfigError([f"warehouse: no such file: {self._path}"])
            with self._read_file(self._path, sql) as source:
                yield source

    def quote(self, name: str) -> str:
        """Return the name of a column as an identifier of this database."""
        return quote(name)


@contextmanager
def _read_duckdb(path: Path, sql: str) -> Iterator[RowSource]:
    with duckdb.connect(path, read_only=True, config=_SOURCE_CONFIG) as source:
        source.execute(NO_PROGRESS_BAR)
        result = source.sql(sql)
        types = zip(result.columns, result.types, strict=True)
        json_names = {name for name, kind in types if str(kind) == "JSON"}
        reader = result.to_arrow_reader(BATCH_ROWS)
        yield _arrow_source(reader, json_names=json_names)


@contextmanager
def _read_sqlite(path: Path, sql: str) -> Iterator[RowSource]:
    """Read by Python's own driver.

    A column of SQLite has values of any type. The ADBC driver takes the types of the
    first rows, and fails at a later row with another one.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    # DuckDB pulls the rows from a thread of its own, one at a time
    with closing(sqlite3.connect(uri, uri=True, check_same_thread=False)) as connection:
        cursor = connection.execute(sql)
        names = [description[0] for description in cursor.description]
        partitions = iter(lambda: cursor.fetchmany(PARTITION_ROWS), [])
        yield _scalar_source(names, partitions)


class AdbcDatabase:
    """Database with an ADBC driver, which returns Arrow batches.

    Args:
        url: URL of the database.
        scheme: Name of the database.
        at: Path of the URL in the destination file, for errors.

    Raises:
        ConfigError: The driver is not installed.
    """

    def __init__(self, url: str, scheme: str, *, at: str) -> None:
        self._url, self._scheme = url, scheme
        module = _ADBC_DRIVERS[scheme]
        try:
            self._dbapi = import_module(f"{module}.dbapi")
        except ImportError:
            package = module.replace("_", "-")
            problem = f"{scheme} needs its driver: pip install {package}"
            raise ConfigError([f"{at}: {problem}"]) from None

    @contextmanager
    def read(self, sql: str) -> Iterator[RowSource]:
        """Run a query, and return its rows while they arrive."""
        with (
            _readable_errors(self._url),
            closing(self._dbapi.connect(self._url)) as connection,
            closing(connection.cursor()) as cursor,
        ):
            if self._scheme == "postgresql":
                cursor.execute(_ONE_SNAPSHOT)
                connection.commit()
            cursor.execute(sql)
            yield _arrow_source(cursor.fetch_record_batch())

    def quote(self, name: str) -> str:
        """Return the name of a column as an identifier of this database."""
        return _quoted(name, self._scheme)


def _quoted(name: str, scheme: str) -> str:
    if scheme in _BACKTICKS:
        return "`" + name.replace("`", "``") + "`"
    return quote(name)


def _arrow_source(
    reader: Any,  # noqa: ANN401 - pyarrow ships no types
    *,
    json_names: Collection[str] = (),
) -> RowSource:
    """Return the rows of a reader; some texts in it are JSON by their names."""
    columns = tuple(
        QueryColumn(name=field.name, kind=ColumnKind.JSON)
        if field.name in json_names
        else column_of(field)
        for field in reader.schema
    )
    return RowSource(
        columns=columns,
        schema=plain_schema(reader.schema),
        batches=plain_batches(reader, columns),
    )


class SqlAlchemyDatabase:
    """Database with a dialect of SQLAlchemy, such as MySQL, Redshift or Trino.

    Args:
        url: URL of the database.
        at: Path of the URL in the destination file, for errors.

    Raises:
        ConfigError: The dialect or its driver is not installed.
    """

    def __init__(self, url: str, *, at: str) -> None:
        self._url = url
        try:
            self._engine = sqlalchemy.create_engine(url)
        except (sqlalchemy.exc.ArgumentError, ImportError) as failure:
            dialect = url.partition("://")[0]
            reason = type(failure).__name__
            problem = (
                f"SQLAlchemy has no driver for {dialect} ({reason}); "
                "install the package of its dialect"
            )
            raise ConfigError([f"{at}: {problem}"]) from None

    @contextmanager
    def read(self, sql: str) -> Iterator[RowSource]:
        """Run a query, and return its rows while they arrive."""
        with (
            _readable_errors(self._url),
            self._engine.connect() as connection,
            connection.execution_options(
                stream_results=True, yield_per=PARTITION_ROWS, no_parameters=True
            ).exec_driver_sql(sql) as result,
        ):
            partitions = result.partitions(PARTITION_ROWS)
            yield _scalar_source(list(result.keys()), partitions)
        self._engine.dispose()

    def quote(self, name: str) -> str:
        """Return the name of a column as an identifier of this database."""
        return _quoted(name, self._engine.dialect.name)


def _scalar_source(
    names: Sequence[str], partitions: Iterable[Sequence[Sequence[object]]]
) -> RowSource:
    """Return rows of Python values as batches of JSON texts."""
    schema = pa.schema([pa.field(name, pa.string()) for name in names])
    return RowSource(
        columns=tuple(QueryColumn(name=n, kind=ColumnKind.SCALAR) for n in names),
        schema=schema,
        batches=_scalar_batches(partitions, schema),
    )


def _scalar_batches(
    partitions: Iterable[Sequence[Sequence[object]]],
    schema: Any,  # noqa: ANN401 - pyarrow ships no types
) -> Iterator[Any]:
    for rows in partitions:
        arrays = [
            pa.array([_json_text(value) for value in values], type=pa.string())
            for values in zip(*rows, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _json_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not -INTEGER_MAX <= value < INTEGER_MAX:
        value = str(value)
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=_json_default, option=options).decode()


def _json_default(value: object) -> object:
    if isinstance(value, Decimal):
        return value_of(str(value), ColumnKind.DECIMAL)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    return str(value)
