"""JSON values as the mapping language sees them: undefined apart from null."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeGuard


class Undefined(Enum):
    """The one value that is no JSON value: nothing was there."""

    UNDEFINED = "undefined"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Final = Undefined.UNDEFINED
"""No value at all; a key that holds it is left out of the result."""

Json = Any
"""Any JSON value, or `UNDEFINED`; told apart where it is used."""

Resolver = Callable[[Json], Json]
"""A compiled part of a mapping: from the payload to a value or `UNDEFINED`."""

DEPTH_MAX: Final = 250
"""Nesting beyond which a walker takes a value as a leaf; orjson writes 254 at most."""

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
    """Name the JSON type of a value, as the error texts use it."""
    return _KINDS.get(type(value), "object")


def with_article(kind: str) -> str:
    """Put the article before a type's name."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def is_directive(node: object) -> TypeGuard[dict[str, Json]]:
    """Tell `{"@name": …}`, beside which only `_metadata` may stand."""
    if not isinstance(node, dict):
        return False
    marked = [key for key in node if key.startswith("@")]
    return bool(marked) and all(
        key == "_metadata" or key.startswith("@") for key in node
    )


def has_directive_key(node: object) -> bool:
    """Tell an object that means to be a directive, rightly or wrongly."""
    return isinstance(node, dict) and any(key.startswith("@") for key in node)


def without_nulls(value: Json, *, depth: int = 0) -> Json:
    """Drop the null fields of an object and of the objects in it, not in arrays."""
    if type(value) is not dict or depth > DEPTH_MAX:
        return value
    return {
        key: without_nulls(item, depth=depth + 1)
        for key, item in value.items()
        if item is not None
    }
