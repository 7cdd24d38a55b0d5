"""JSON values of the mapping language; undefined differs from null."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeGuard


class Undefined(Enum):
    """Type of the only value that is not a JSON value: an absent value."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined.UNDEFINED
"""Absent value; a key with this value is left out of the result."""

Json = Any
"""Any JSON value, or `UNDEFINED`; the type is tested where the value is used."""

Resolver = Callable[[Json], Json]
"""Compiled part of a mapping: from the payload to a value or `UNDEFINED`."""

DEPTH_MAX: Final = 250
"""Depth from which nested values are treated as leaves; orjson writes 254 levels."""

_KINDS: Final[dict[type, str]] = {
    bool: "boolean",
    dict: "object",
    float: "number",
    int: "number",
    list: "array",
    str: "string",
    type(None): "null",
    Undefined: "undefined",
}


def kind_of(value: object) -> str:
    """Return the JSON type of a value, for error texts."""
    return _KINDS.get(type(value), "object")


def with_article(kind: str) -> str:
    """Return the name of a type with an article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def is_directive(node: object) -> TypeGuard[dict[str, Json]]:
    """True if an object is `{"@name": …}`, with at most `_metadata` beside the name."""
    if not isinstance(node, dict):
        return False
    marked = [key for key in node if key.startswith("@")]
    return bool(marked) and all(
        key == "_metadata" or key.startswith("@") for key in node
    )


def has_directive_key(node: object) -> bool:
    """Return True for an object with a directive key, whether valid or not."""
    return isinstance(node, dict) and any(key.startswith("@") for key in node)


def without_nulls(value: Json, *, depth: int = 0) -> Json:
    """Remove null fields from an object and nested objects, but not inside arrays."""
    if type(value) is not dict or depth > DEPTH_MAX:
        return value
    return {
        key: without_nulls(item, depth=depth + 1)
        for key, item in value.items()
        if item is not None
    }
