"""Declared types: the names that the `types` of a source may use."""

import re
from collections.abc import Mapping
from typing import Final

from streams.events.columns import decoders
from streams.events.columns.decoders import Decoder

_UNITS: Final = ("millis", "micros", "nanos")

DECLARED_TYPES: Final[Mapping[str, Decoder]] = {
    "text": decoders.text,
    "number": decoders.number,
    "boolean": decoders.boolean,
    "date": decoders.day,
    **{f"timestamp-{unit}": decoders.timestamp(unit) for unit in _UNITS},
    **{f"time-{unit}": decoders.time_of_day(unit) for unit in _UNITS},
    "json": decoders.json_value,
    "bytes": decoders.base64_bytes,
}
"""Types without parameters, by name."""

DECIMAL: Final = "decimal(2)"
"""The type with a parameter, as texts show it: 2 is the scale."""

_DECIMAL: Final = re.compile(r"decimal\((0|[1-9][0-9]{0,3})\)").fullmatch


def declared_type(name: str) -> Decoder | None:
    """Return the decoder of a type that a source names; None if there is no such type.

    Args:
        name: One of `DECLARED_TYPES`, or `decimal(scale)` with 0 to 9999 digits after
            the point.
    """
    if match := _DECIMAL(name):
        return decoders.decimal(int(match[1]))
    return DECLARED_TYPES.get(name)
