"""A trigger as a tree.

What Segment's rules make of a literal is already done in it: `event = 10` holds the
text "10", `properties.n > "5"` the number 5.
"""

from dataclasses import dataclass
from typing import Literal

Root = Literal["type", "event", "name", "userId", "properties", "traits", "context"]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """A place in an event.

    Attributes:
        root: Key at the top of the event.
        path: Keys below it; empty for `type`, `event`, `name` and `userId`.
    """

    root: Root
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A value made of a field's value."""

    function: Literal["lowercase", "length", "typeof"]
    field: Field


Operand = Field | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """An operand against a literal; the literal's type decides how.

    None asks whether there is a value, a boolean or a text for exactly that one. A
    number asks for a number: another type is neither equal, nor unequal, nor less.
    """

    operand: Operand
    operator: Operator
    literal: Value


@dataclass(frozen=True, slots=True)
class TextTest:
    """`contains()` or `match()`; only a text can pass, negated or not."""

    function: Literal["contains", "match"]
    operand: Operand
    argument: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of a test."""

    test: "Node"


@dataclass(frozen=True, slots=True)
class Every:
    """All of two tests or more: `and`."""

    tests: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of two tests or more: `or`."""

    tests: tuple["Node", ...]


Node = Comparison | TextTest | Negation | Every | Either
