"""`@template`: text with `{{path}}` in it, compiled to the parts between.

Nothing is escaped, so `{{{path}}}` means the same; it is filled in first, and what it
brought is looked at again, as recorded.
"""

import re
from functools import lru_cache
from typing import Final

from streams.mapping.paths import getter
from streams.mapping.text import text_of
from streams.mapping.values import UNDEFINED, Json, Resolver

_TRIPLE: Final = re.compile(r"\{\{\{([^}]+)\}\}\}")
_DOUBLE: Final = re.compile(r"\{\{([^}]+)\}\}")
_KEYS: Final = re.compile(r"\{\{(.*?)\}\}")

_GETTERS_KEPT: Final = 1024
"""Getters kept for paths that only the event names."""

getter_kept = lru_cache(maxsize=_GETTERS_KEPT)(getter)
"""A getter for a path that is known at run time only."""


def template(text: str) -> Resolver:
    """Compile a template to a function from the payload to its text."""
    if _TRIPLE.search(text):
        return _twice(text)
    parts = _DOUBLE.split(text)
    if len(parts) == 1:
        return lambda _: text
    filled = [_filled(path) for path in parts[1::2]]
    return _joined(parts[::2], filled=filled)


def _joined(fixed: list[str], *, filled: list[Resolver]) -> Resolver:
    first, *rest = fixed
    pairs = tuple(zip(filled, rest, strict=True))

    def resolve(payload: Json) -> str:
        pieces = [first]
        for fill, after in pairs:
            pieces += (fill(payload), after)
        return "".join(pieces)

    return resolve


def _filled(path: str) -> Resolver:
    get = getter(path.strip())

    def fill(payload: Json) -> str:
        value = get(payload)
        return "" if value is None or value is UNDEFINED else text_of(value)

    return fill


def _twice(text: str) -> Resolver:
    def resolve(payload: Json) -> str:
        def fill(found: re.Match[str]) -> str:
            value = getter_kept(found[1].strip())(payload)
            return "" if value is None or value is UNDEFINED else text_of(value)

        return _DOUBLE.sub(fill, _TRIPLE.sub(fill, text))

    return resolve


def template_keys(text: str) -> list[str]:
    """Name the paths of a template, as they stand in it."""
    return _KEYS.findall(text)
