"""Paths of `@path`: the grammar, and the compilation to a getter.

A path is split at `.`, at `[` before a quote or a digit, and at `]` after one;
quotes are dropped. So `a[0]`, `a.0` and `a["0"]` are one path, `a[b]` is a key, and
a key with a dot can't be reached.
"""

import re
from typing import Final

from streams.mapping.text import is_index, utf16_length
from streams.mapping.values import UNDEFINED, Json, Resolver

_SEPARATOR: Final = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")

_CONSTRUCTOR: Final = "constructor"
_CONSTRUCTORS: Final[dict[type, str]] = {
    bool: "Boolean",
    dict: "Object",
    float: "Number",
    int: "Number",
    list: "Array",
    str: "String",
}
"""Value of `constructor.name` for each type."""


class _Constructor:
    """Value of the member `constructor`, never part of a result."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def split_path(path: str) -> tuple[str, ...] | None:
    """Split a path into keys; `None` stands for the whole payload."""
    if path in {"", "."}:
        return None
    parts = (part for part in _SEPARATOR.split(path) if part)
    return tuple(re.sub("['\"]", "", part) for part in parts)


def strip_root_prefix(path: str) -> str:
    """Remove the first `$.` of a path, at any position."""
    return path.replace("$.", "", 1)


def compile_path(path: str) -> Resolver:
    """Compile a path to a getter.

    Args:
        path: Path without `$.`.

    Returns:
        Function from a payload to the value at the path, or `UNDEFINED`. The function
        never raises: a key of a falsy value gives the falsy value, as recorded.
    """
    keys = split_path(path)
    if not keys:
        return _get_payload
    if len(keys) == 1:
        return _compile_key(keys[0])
    return _compile_keys(keys)


def _get_payload(payload: Json) -> Json:
    return payload


def _compile_key(key: str) -> Resolver:
    if key == _CONSTRUCTOR:
        return _compile_with_constructor((key,))

    def get(payload: Json) -> Json:
        if type(payload) is dict:
            return payload.get(key, UNDEFINED)
        return get_member(payload, key)

    return get


def _compile_keys(keys: tuple[str, ...]) -> Resolver:
    if _CONSTRUCTOR in keys:
        return _compile_with_constructor(keys)
    if len(keys) == 2:
        return _compile_two_keys(*keys)

    def get(payload: Json) -> Json:
        for key in keys:
            if type(payload) is dict:
                payload = payload.get(key, UNDEFINED)
            else:
                payload = get_member(payload, key)
        return payload

    return get


def _compile_two_keys(outer_key: str, key: str) -> Resolver:
    """Compile a path into a section of an event, as most paths are, without a loop."""

    def get(payload: Json) -> Json:
        if type(payload) is dict:
            value = payload.get(outer_key, UNDEFINED)
        else:
            value = get_member(payload, outer_key)
        if type(value) is dict:
            return value.get(key, UNDEFINED)
        return value if value is UNDEFINED else get_member(value, key)

    return get


def _compile_with_constructor(keys: tuple[str, ...]) -> Resolver:
    def get(payload: Json) -> Json:
        for key in keys:
            payload = get_member(payload, key)
        return _hide_constructor(payload)

    return get


def get_member(value: Json, key: str) -> Json:
    """Return the member of any value; a falsy value is returned unchanged."""
    if isinstance(value, dict):
        value_at_key = value.get(key, UNDEFINED)
        return (
            value_at_key
            if value_at_key is not UNDEFINED
            else _inherited_member(value, key)
        )
    if not value and not isinstance(value, list):
        return value
    if isinstance(value, list):
        return _list_member(value, key)
    if isinstance(value, str):
        return _text_member(value, key)
    return _inherited_member(value, key)


def _list_member(value: list[Json], key: str) -> Json:
    if key == "length":
        return len(value)
    if is_index(key):
        index = int(key)
        return value[index] if index < len(value) else UNDEFINED
    return _inherited_member(value, key)


def _text_member(value: str, key: str) -> Json:
    """Count and index a string in UTF-16 units; half a character is U+FFFD."""
    if key != "length" and not is_index(key):
        return _inherited_member(value, key)
    if key == "length":
        return utf16_length(value)
    units = value.encode("utf-16-le", "surrogatepass")
    at = int(key) * 2
    return units[at : at + 2].decode("utf-16-le", "replace") or UNDEFINED


def _inherited_member(value: object, key: str) -> object:
    """Return a member that JavaScript values inherit: the constructor or a name."""
    if isinstance(value, _Constructor) and key == "name":
        return value.name
    if key != _CONSTRUCTOR:
        return UNDEFINED
    if isinstance(value, _Constructor):
        return _Constructor("Function")
    return _Constructor(_CONSTRUCTORS.get(type(value), "Object"))


def _hide_constructor(value: Json) -> Json:
    return UNDEFINED if isinstance(value, _Constructor) else value
