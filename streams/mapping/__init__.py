"""Segment's mapping kit: directives that make a payload of an event."""

from streams.mapping.compile import Mapping, compile_mapping
from streams.mapping.errors import MappingError, MappingProblem, Unmappable
from streams.mapping.keys import keys_read
from streams.mapping.values import UNDEFINED

__all__ = [
    "UNDEFINED",
    "Mapping",
    "MappingError",
    "MappingProblem",
    "Unmappable",
    "compile_mapping",
    "keys_read",
]
