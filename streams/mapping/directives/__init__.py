"""Directives of the mapping language, by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from streams.mapping.compile_context import Builder
from streams.mapping.directives.choosing import case, choose, exclude_when_null
from streams.mapping.directives.reading import (
    array_path,
    compile_template_directive,
    liquid,
    literal,
    path,
)
from streams.mapping.directives.replacing import replace
from streams.mapping.directives.shaping import flatten, json, merge, transform

DIRECTIVES: Final[Mapping[str, Builder]] = MappingProxyType(
    {
        "@arrayPath": array_path,
        "@case": case,
        "@excludeWhenNull": exclude_when_null,
        "@flatten": flatten,
        "@if": choose,
        "@json": json,
        "@liquid": liquid,
        "@literal": literal,
        "@merge": merge,
        "@path": path,
        "@replace": replace,
        "@template": compile_template_directive,
        "@transform": transform,
    }
)
"""Builder of each directive, by name."""
