"""Which keys of an event a mapping reads."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from streams.mapping.directives import DIRECTIVES
from streams.mapping.liquid.compile import liquid_keys
from streams.mapping.template import template_keys
from streams.mapping.values import Json


def keys_read(mapping: Json) -> list[str]:
    """Name the paths a mapping reads, as they stand in it, in its order.

    Args:
        mapping: The mapping, or any part of one; it need not be sound.

    Returns:
        Paths with `$.` where they have it; those of a shape are relative to the item.
    """
    return list(_keys(mapping))


def _keys(node: Json) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _keys(item)
    if not isinstance(node, dict):
        return
    name = next((key for key in node if key in DIRECTIVES), None)
    if name is None:
        for held in node.values():
            yield from _keys(held)
    else:
        yield from _READERS.get(name, _keys)(node[name])


def _parts(*names: str) -> Callable[[Any], Iterator[str]]:
    def read(options: Json) -> Iterator[str]:
        for name in names:
            if isinstance(options, dict):
                yield from _keys(options.get(name))

    return read


def _path(value: Json) -> Iterator[str]:
    yield from [value] if value and isinstance(value, str) else _keys(value)


def _array_path(value: Json) -> Iterator[str]:
    items = value if isinstance(value, list) else []
    yield from _path(items[0] if items else None)
    yield from _keys(items[1:])


def _template(value: Json) -> Iterator[str]:
    yield from template_keys(value) if isinstance(value, str) else _keys(value)


def _liquid(value: Json) -> Iterator[str]:
    yield from liquid_keys(value) if isinstance(value, str) else ()


_READERS: Final[dict[str, Callable[[Any], Iterator[str]]]] = {
    "@arrayPath": _array_path,
    "@case": _parts("value"),
    "@flatten": _parts("value"),
    "@if": _parts("blank", "exists", "then", "else"),
    "@json": _parts("value"),
    "@liquid": _liquid,
    "@merge": _parts("objects"),
    "@path": _path,
    "@replace": _parts("value"),
    "@template": _template,
    "@transform": _parts("apply", "mapping"),
}
"""Where each directive names what it reads; the others hold plain nodes."""
