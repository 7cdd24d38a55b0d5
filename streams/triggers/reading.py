"""Read operands from an event: values at paths, and functions of values.

Paths follow Segment's lookup, which is JavaScript's: a path that reaches null, false,
0 or "" ends there with that value, a list has its elements by index, and lists and
texts have `length`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from streams.triggers.tree import Call, FieldPath, Operand

EventObject = Mapping[str, Any]
ValueReader = Callable[[EventObject], Any]

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def compile_reader(operand: Operand) -> ValueReader:
    """Return a function that reads an operand from an event, or None if absent."""
    if isinstance(operand, FieldPath):
        return _field_reader(operand)
    return _call_reader(operand)


def _call_reader(call: Call) -> ValueReader:
    read = _field_reader(call.field)
    match call.function:
        case "lowercase":
            return lambda event: _lowercase(read(event))
        case "length":
            return lambda event: _length(read(event))
        case "typeof":
            return lambda event: _type_name(read(event))
    assert_never(call.function)


def _field_reader(field: FieldPath) -> ValueReader:
    root, path = field.root, field.path
    if not path:
        return lambda event: event.get(root)
    if len(path) == 1:
        return _one_key_reader(root, path[0])
    return lambda event: _walk(event.get(root), path)


def _one_key_reader(root: str, key: str) -> ValueReader:
    def read(event: EventObject) -> Any:  # noqa: ANN401 - whatever JSON holds
        section = event.get(root)
        return section.get(key) if type(section) is dict else _step(section, key)

    return read


def _walk(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
    for key in path:
        if value is None:
            return None
        value = value.get(key) if type(value) is dict else _step(value, key)
    return value


def _step(value: Any, key: str) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return len(value) if key == "length" else _element(value, key)
    if not value:
        return value
    return _units(value) if isinstance(value, str) and key == "length" else None


def _element(values: list[Any], key: str) -> Any:  # noqa: ANN401 - any JSON
    at = int(key) if _INDEX.fullmatch(key) else len(values)
    return values[at] if at < len(values) else None


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _lowercase(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None


def _length(value: object) -> int:
    """Count elements of a list, or UTF-8 bytes of a text as in FQL; otherwise 0."""
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, list) else 0


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    names = ((str, "string"), (list, "list"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")
