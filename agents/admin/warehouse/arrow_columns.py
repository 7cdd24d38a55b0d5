"""Kinds of Arrow columns, and batches that DuckDB reads whatever the driver."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
from pyarrow import types

from streams.errors import ConfigError
from streams.warehouse.columns import ColumnKind, QueryColumn

_EXTENSION_KINDS: Final = {
    "arrow.uuid": ColumnKind.UUID,
    "arrow.json": ColumnKind.JSON,
}
"""Canonical extension types of Arrow (Format/CanonicalExtensions)."""

_OPAQUE: Final = "arrow.opaque"
_KINDS: Final[Sequence[tuple[Callable[[Any], bool], ColumnKind]]] = (
    (types.is_boolean, ColumnKind.BOOLEAN),
    (types.is_integer, ColumnKind.INTEGER),
    (types.is_float64, ColumnKind.FLOAT),
    (types.is_floating, ColumnKind.REAL),
    (types.is_decimal, ColumnKind.DECIMAL),
    (types.is_string, ColumnKind.TEXT),
    (types.is_large_string, ColumnKind.TEXT),
    (types.is_string_view, ColumnKind.TEXT),
    (types.is_null, ColumnKind.TEXT),
    (types.is_date, ColumnKind.DATE),
    (types.is_time, ColumnKind.TIME),
    (types.is_duration, ColumnKind.DURATION),
    (types.is_interval, ColumnKind.DURATION),
    (types.is_binary, ColumnKind.BYTES),
    (types.is_large_binary, ColumnKind.BYTES),
    (types.is_fixed_size_binary, ColumnKind.BYTES),
    (types.is_nested, ColumnKind.NESTED),
)


def column_of(field: Any) -> QueryColumn:  # noqa: ANN401 - pyarrow ships no types
    """Return the column of an Arrow field.

    Raises:
        ConfigError: The driver has no text for values of this type.
    """
    return QueryColumn(name=field.name, kind=_kind_of(field.type, name=field.name))


def _kind_of(arrow_type: Any, *, name: str) -> ColumnKind:  # noqa: ANN401 - pyarrow ships no types
    if types.is_dictionary(arrow_type):
        return _kind_of(arrow_type.value_type, name=name)
    if types.is_timestamp(arrow_type):
        return ColumnKind.INSTANT if arrow_type.tz else ColumnKind.TIMESTAMP
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _extension_kind(arrow_type, name=name)
    for is_of_type, kind in _KINDS:
        if is_of_type(arrow_type):
            return kind
    raise _no_text(name, arrow_type)


def _extension_kind(arrow_type: Any, *, name: str) -> ColumnKind:  # noqa: ANN401 - pyarrow ships no types
    if kind := _EXTENSION_KINDS.get(arrow_type.extension_name):
        return kind
    if types.is_string(arrow_type.storage_type):
        is_numeric = getattr(arrow_type, "type_name", "") == "numeric"
        return ColumnKind.DECIMAL if is_numeric else ColumnKind.TEXT
    if arrow_type.extension_name == _OPAQUE:
        raise _no_text(name, arrow_type.type_name)
    return _kind_of(arrow_type.storage_type, name=name)


def _no_text(name: str, type_name: object) -> ConfigError:
    problem = f"column {name} has the type {type_name}, which has no text"
    return ConfigError([f"{problem}; cast it in the query, such as {name}::text"])


def plain_batches(
    batches: Iterable[Any], columns: Sequence[QueryColumn]
) -> Iterator[pa.RecordBatch]:
    """Yield batches without extension types, with their columns in the same order."""
    names = [column.name for column in columns]
    for batch in batches:
        arrays = [_plain_array(array) for array in batch.columns]
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def plain_schema(schema: Any) -> pa.Schema:  # noqa: ANN401 - pyarrow ships no types
    """Return the schema of the batches that `plain_batches` yields."""
    return pa.schema([pa.field(f.name, _plain_type(f.type)) for f in schema])


def _plain_type(arrow_type: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    if isinstance(arrow_type, pa.BaseExtensionType):
        return _plain_type(arrow_type.storage_type)
    if types.is_list(arrow_type):
        return pa.list_(_plain_type(arrow_type.value_type))
    return pa.string() if types.is_decimal256(arrow_type) else arrow_type


def _plain_array(array: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    if isinstance(array, pa.ExtensionArray):
        return _plain_array(array.storage)
    if isinstance(array, pa.ListArray):
        values = _plain_array(array.values)
        return pa.ListArray.from_arrays(
            array.offsets, values, mask=array.is_null() if array.null_count else None
        )
    if types.is_decimal256(array.type):
        return array.cast(pa.string())  # DuckDB's decimals end at 38 digits
    return array
