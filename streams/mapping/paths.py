"""`@path`: the grammar of a path, and its compilation to a getter.

A path is split at `.`, at `[` before a quote or a digit, and at `]` after one;
quotes are dropped. So `a[0]`, `a.0` and `a["0"]` are one path, `a[b]` is a key, and
a key with a dot can't be reached.
"""

import re
from typing import Final

from streams.mapping.text import is_index, units_count
from streams.mapping.values import UNDEFINED, Json, Resolver

_BREAK: Final = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")

_CONSTRUCTOR: Final = "constructor"
_CONSTRUCTORS: Final[dict[type, str]] = {
    bool: "Boolean",
    dict: "Object",
    float: "Number",
    int: "Number",
    list: "Array",
    str: "String",
}
"""What `constructor.name` says of a value."""


class _Constructor:
    """What a value's `constructor` is: something with a name, that no JSON holds."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


def segments(path: str) -> tuple[str, ...] | None:
    """Split a path; `None` is the payload itself."""
    if path in {"", "."}:
        return None
    parts = (part for part in _BREAK.split(path) if part)
    return tuple(re.sub("['\"]", "", part) for part in parts)


def rooted(path: str) -> str:
    """Take the `$.` off: the first one, wherever it stands."""
    return path.replace("$.", "", 1)


def getter(path: str) -> Resolver:
    """Compile a path.

    Args:
        path: Without `$.`.

    Returns:
        From a payload to what lies there, or `UNDEFINED`. It never raises: a key of
        something falsy is that falsy value, as recorded.
    """
    keys = segments(path)
    if not keys:
        return _itself
    if len(keys) == 1:
        return _single(keys[0])
    return _walk(keys)


def _itself(payload: Json) -> Json:
    return payload


def _single(key: str) -> Resolver:
    if key == _CONSTRUCTOR:
        return _walk_slowly((key,))

    def get(payload: Json) -> Json:
        if type(payload) is dict:
            return payload.get(key, UNDEFINED)
        return member(payload, key)

    return get


def _walk(keys: tuple[str, ...]) -> Resolver:
    if _CONSTRUCTOR in keys:
        return _walk_slowly(keys)

    def get(payload: Json) -> Json:
        for key in keys:
            if type(payload) is dict:
                payload = payload.get(key, UNDEFINED)
            else:
                payload = member(payload, key)
        return payload

    return get


def _walk_slowly(keys: tuple[str, ...]) -> Resolver:
    def get(payload: Json) -> Json:
        for key in keys:
            payload = member(payload, key)
        return _shown(payload)

    return get


def member(value: Json, key: str) -> Json:
    """Look one key up in any value; of something falsy it is that value."""
    if isinstance(value, dict):
        found = value.get(key, UNDEFINED)
        return found if found is not UNDEFINED else _inherited(value, key)
    if not value and not isinstance(value, list):
        return value
    if isinstance(value, list):
        return _item(value, key)
    if isinstance(value, str):
        return _letter(value, key)
    return _inherited(value, key)


def _item(value: list[Json], key: str) -> Json:
    if key == "length":
        return len(value)
    if is_index(key):
        index = int(key)
        return value[index] if index < len(value) else UNDEFINED
    return _inherited(value, key)


def _letter(value: str, key: str) -> Json:
    """Count and index a string in UTF-16 units; half a letter is U+FFFD."""
    if key != "length" and not is_index(key):
        return _inherited(value, key)
    if key == "length":
        return units_count(value)
    units = value.encode("utf-16-le", "surrogatepass")
    at = int(key) * 2
    return units[at : at + 2].decode("utf-16-le", "replace") or UNDEFINED


def _inherited(value: object, key: str) -> object:
    """What a value has though it holds it not: its constructor, and that a name."""
    if isinstance(value, _Constructor) and key == "name":
        return value.name
    if key != _CONSTRUCTOR:
        return UNDEFINED
    if isinstance(value, _Constructor):
        return _Constructor("Function")
    return _Constructor(_CONSTRUCTORS.get(type(value), "Object"))


def _shown(value: Json) -> Json:
    return UNDEFINED if isinstance(value, _Constructor) else value
