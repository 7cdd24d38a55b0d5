"""`@template`: text with `{{path}}`, compiled to literal parts and getters.

Nothing is escaped, so `{{{path}}}` has the same meaning; triple braces are filled in
first, and their results are searched for double braces, as recorded.
"""

import re
from functools import lru_cache
from typing import Final

from streams.mapping.paths import compile_path
from streams.mapping.text import text_of
from streams.mapping.values import UNDEFINED, Json, Resolver

_TRIPLE: Final = re.compile(r"\{\{\{([^}]+)\}\}\}")
_DOUBLE: Final = re.compile(r"\{\{([^}]+)\}\}")

_CACHE_SIZE: Final = 1024
"""Number of cached getters for paths that only the event names."""

cached_compile_path = lru_cache(maxsize=_CACHE_SIZE)(compile_path)
"""Getter for a path that is known only at run time."""


def compile_template(text: str) -> Resolver:
    """Compile a template to a function from the payload to text."""
    if _TRIPLE.search(text):
        return _compile_with_triple_braces(text)
    parts = _DOUBLE.split(text)
    if len(parts) == 1:
        return lambda _: text
    filled = [_compile_value(path) for path in parts[1::2]]
    return _join(parts[::2], values=filled)


def _join(literals: list[str], *, values: list[Resolver]) -> Resolver:
    first, *tails = literals
    pairs = tuple(zip(values, tails, strict=True))

    def resolve(payload: Json) -> str:
        pieces = [first]
        for resolve_value, tail in pairs:
            pieces += (resolve_value(payload), tail)
        return "".join(pieces)

    return resolve


def _compile_value(path: str) -> Resolver:
    get = compile_path(path.strip())

    def fill(payload: Json) -> str:
        value = get(payload)
        return "" if value is None or value is UNDEFINED else text_of(value)

    return fill


def _compile_with_triple_braces(text: str) -> Resolver:
    def resolve(payload: Json) -> str:
        def fill_match(match: re.Match[str]) -> str:
            value = cached_compile_path(match[1].strip())(payload)
            return "" if value is None or value is UNDEFINED else text_of(value)

        return _DOUBLE.sub(fill_match, _TRIPLE.sub(fill_match, text))

    return resolve
