"""Source format `rows`: rows as Kafka Connect's JDBC source and similar tools write."""

from collections.abc import Callable, Mapping
from typing import Final

from streams.errors import PoisonRecord
from streams.events.columns.connect_schema import read_connect_value
from streams.events.formats import canal, maxwell
from streams.events.formats.row_source import (
    offset_of,
    row_bodies,
    typed_columns,
    with_typed_key,
)
from streams.events.formats.source_record import Bodies, DecodedRecord, SkippedRecord
from streams.events.row import RowChange
from streams.events.sources import RowTool, Source


def bodies_of(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Return the row event of a record.

    Raises:
        PoisonRecord: The record is not of the source's tool, or its row has no key.
    """
    return _TOOLS[source.tool](record, source)


def _read_connect_jdbc(record: DecodedRecord, source: Source) -> Bodies | SkippedRecord:
    """Read a flat row.

    The tool reads a table again and again by a column that grows, and writes each row
    that it meets: it cannot tell a new row from a changed one. So each is `updated`,
    and each record is a change of its own.
    """
    value = read_connect_value(record.value)
    record = with_typed_key(record, source)
    if value.payload is None:
        return row_bodies(
            record, source, RowChange.DELETED, {}, position=offset_of(record)
        )
    if not isinstance(value.payload, dict):
        raise PoisonRecord("not-a-row", "the value is not an object of columns")
    columns = typed_columns(record, source, value.payload, schema=value.schema)
    return row_bodies(
        record, source, RowChange.UPDATED, columns, position=offset_of(record)
    )


_TOOLS: Final[
    Mapping[RowTool, Callable[[DecodedRecord, Source], Bodies | SkippedRecord]]
] = {
    RowTool.CONNECT_JDBC: _read_connect_jdbc,
    RowTool.MAXWELL: maxwell.bodies_of,
    RowTool.CANAL: canal.bodies_of,
}
