"""Checks of single values, the atoms of the validation."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from streams.mapping.errors import Mistake
from streams.mapping.values import an, has_directive_key, kind_of


class Spot(NamedTuple):
    """Where a value stands in the mapping.

    Args:
        at: Its path; "" is the root.
        shown: The path as Segment shows it: short within `@merge`.
    """

    at: str = ""
    shown: str = ""

    def __truediv__(self, key: object) -> "Spot":
        return Spot(f"{self.at}/{key}", f"{self.shown}/{key}")

    def mistake(self, text: str) -> Mistake:
        """Say what is wrong here."""
        return Mistake(at=self.at or "/", wording=f"{self.shown or '/'} {text}.")


Rule = Callable[[Any, Spot], Iterator[Mistake]]
"""Yields what is wrong with a value at a spot."""


def sort_of(value: object) -> str:
    """Name the type of a value, with `directive` for what means to be one."""
    return "directive" if has_directive_key(value) else kind_of(value)


def a_string(value: object, spot: Spot) -> Iterator[Mistake]:
    """A string, and no directive that would make one."""
    if not isinstance(value, str):
        yield spot.mistake(f"should be a string but it is {an(sort_of(value))}")


def a_boolean(value: object, spot: Spot) -> Iterator[Mistake]:
    """`true` or `false`."""
    if not isinstance(value, bool):
        yield spot.mistake(f"should be a boolean but it is {an(sort_of(value))}")


def an_array(value: object, spot: Spot) -> Iterator[Mistake]:
    """An array, whatever is in it."""
    if not isinstance(value, list):
        yield spot.mistake(f"should be an array but it is {an(kind_of(value))}")


def sized(*, least: int, most: int) -> Rule:
    """Demand a string of so many characters."""

    def rule(value: object, spot: Spot) -> Iterator[Mistake]:
        yield from a_string(value, spot)
        if isinstance(value, str) and len(value) < least:
            yield spot.mistake(f"should be a string of length {least} or greater")
        if isinstance(value, str) and len(value) > most:
            yield spot.mistake(f"should be a string of length {most} or less")

    return rule


def one_of(*allowed: str) -> Rule:
    """Demand one of some words, in any case."""

    def rule(value: object, spot: Spot) -> Iterator[Mistake]:
        yield from a_string(value, spot)
        if isinstance(value, str) and value.lower() not in allowed:
            text = json.dumps(value, ensure_ascii=False)
            names = ", ".join(allowed)
            yield spot.mistake(f"should be one of {names} but it is {text}")

    return rule
