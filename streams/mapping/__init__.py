"""Segment's mapping kit: directives that compute a payload from an event."""

from streams.mapping.compile import Mapping, compile_mapping
from streams.mapping.errors import MappingError, MappingProblem, Unmappable
from streams.mapping.values import UNDEFINED

__all__ = [
    "UNDEFINED",
    "Mapping",
    "MappingError",
    "MappingProblem",
    "Unmappable",
    "compile_mapping",
]
