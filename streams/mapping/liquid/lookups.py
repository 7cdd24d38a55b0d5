"""Lookup of variables and of properties."""

from collections.abc import Iterable

from liquid import RenderContext
from liquid.token import Token

from streams.mapping.liquid.limits import check_work
from streams.mapping.text import is_index, utf16_length
from streams.mapping.values import UNDEFINED, Json


class RenderingContext(RenderContext):
    """State of a rendering: assigned variables, then members of the event."""

    def get(
        self, path: list[object], *, token: Token | None, default: object = None
    ) -> object:
        """Return the value at a path, or `UNDEFINED`, counted as nil."""
        del token, default
        first, *remaining_path = path
        return follow_path(self._variable(str(first)), remaining_path)

    def _variable(self, name: str) -> object:
        if name in self.locals:
            return self.locals[name]
        return self.globals.get(name, UNDEFINED)

    def increment(self, name: str) -> int:
        """Increment a counter that starts at the event's number, if present."""
        return self._count(name, step=1) - 1

    def decrement(self, name: str) -> int:
        """Decrement a counter that starts at the event's number, if present."""
        return self._count(name, step=-1)

    def _count(self, name: str, *, step: int) -> int:
        current = self.globals.get(name)
        start = int(current) if type(current) in (int, float) else 0  # type: ignore[call-overload] # it is a number
        self.globals[name] = start + step  # type: ignore[index] # ours is a dict
        return int(start + step)

    def charge(self, units: int) -> None:
        """Add to the work of this rendering."""
        used = self.tag_namespace.get("used", 0) + units
        self.tag_namespace["used"] = used
        check_work(used)


def follow_path(value: object, path: Iterable[object]) -> object:
    """Follow a path of properties from a value."""
    for key in path:
        value = read_property(value, key)
    return value


def read_property(value: Json, key: object) -> object:
    """Return a property of a value, or `UNDEFINED`; null has null properties."""
    if isinstance(key, float) and key.is_integer():
        key = int(key)
    if isinstance(value, (list, range)):
        return _read_item(value, key)
    if isinstance(value, dict):
        property_value = value.get(str(key), UNDEFINED)
        return (
            len(value)
            if property_value is UNDEFINED and key == "size"
            else property_value
        )
    if isinstance(value, str):
        return _read_character(value, key)
    return None if value is None else UNDEFINED


def _read_item(value: Json, key: object) -> object:
    named_indexes = {"size": len(value), "length": len(value), "first": 0, "last": -1}
    if key in ("size", "length"):
        return named_indexes[str(key)]
    index = named_indexes.get(str(key), key)
    if isinstance(index, str) and is_index(index):
        index = int(index)
    if not isinstance(index, int) or not -len(value) <= index < len(value):
        return UNDEFINED
    return value[index]


def _read_character(value: str, key: object) -> object:
    if key in ("size", "length"):
        return utf16_length(value)
    if not is_index(str(key)) or int(str(key)) >= len(value):
        return UNDEFINED
    return value[int(str(key))]
