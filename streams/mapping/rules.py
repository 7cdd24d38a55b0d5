"""Checks of single values, the atoms of the validation."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from streams.mapping.errors import MappingProblem
from streams.mapping.values import has_directive_key, kind_of, with_article


class ValueLocation(NamedTuple):
    """Where a value stands in the mapping.

    Args:
        at: Its path; "" is the root.
        shown: The path as Segment shows it: short within `@merge`.
    """

    at: str = ""
    shown: str = ""

    def __truediv__(self, key: object) -> "ValueLocation":
        return ValueLocation(f"{self.at}/{key}", f"{self.shown}/{key}")

    def problem(self, text: str) -> MappingProblem:
        """Say what is wrong here."""
        return MappingProblem(at=self.at or "/", wording=f"{self.shown or '/'} {text}.")


Rule = Callable[[Any, ValueLocation], Iterator[MappingProblem]]
"""Yields what is wrong with a value at a spot."""


def directive_or_kind(value: object) -> str:
    """Name the type of a value, with `directive` for what means to be one."""
    return "directive" if has_directive_key(value) else kind_of(value)


def check_string(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """A string, and no directive that would make one."""
    if not isinstance(value, str):
        yield location.problem(
            f"should be a string but it is {with_article(directive_or_kind(value))}"
        )


def check_boolean(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """`true` or `false`."""
    if not isinstance(value, bool):
        yield location.problem(
            f"should be a boolean but it is {with_article(directive_or_kind(value))}"
        )


def check_array(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """An array, whatever is in it."""
    if not isinstance(value, list):
        yield location.problem(
            f"should be an array but it is {with_article(kind_of(value))}"
        )


def check_length(*, minimum: int, maximum: int) -> Rule:
    """Demand a string of so many characters."""

    def rule(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
        yield from check_string(value, location)
        if isinstance(value, str) and len(value) < minimum:
            yield location.problem(f"should be a string of length {minimum} or greater")
        if isinstance(value, str) and len(value) > maximum:
            yield location.problem(f"should be a string of length {maximum} or less")

    return rule


def check_choice(*allowed: str) -> Rule:
    """Demand one of some words, in any case."""

    def rule(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
        yield from check_string(value, location)
        if isinstance(value, str) and value.lower() not in allowed:
            text = json.dumps(value, ensure_ascii=False)
            names = ", ".join(allowed)
            yield location.problem(f"should be one of {names} but it is {text}")

    return rule
