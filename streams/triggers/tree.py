"""Tree of a trigger, with literals already converted by Segment's rules.

`event = 10` holds the text "10", `properties.n > "5"` the number 5.
"""

from dataclasses import dataclass
from typing import Literal

Root = Literal[
    "type", "event", "name", "userId", "properties", "traits", "context", "integrations"
]
Operator = Literal["=", "!=", "<", "<=", ">", ">="]
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Path in an event.

    Attributes:
        root: Key at the top of the event.
        path: Keys below the root; empty for `type`, `event`, `name` and `userId`.
    """

    root: Root
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """Function applied to the value of a field."""

    function: Literal["lowercase", "length", "typeof"]
    field: FieldPath


Operand = FieldPath | Call


@dataclass(frozen=True, slots=True)
class LiteralComparison:
    """Comparison of an operand with a literal; the literal's type decides the rule.

    None tests for an absent value; a boolean or a text for exactly that value. A number
    tests numbers only: a value of another type is neither equal, nor unequal, nor less.
    """

    operand: Operand
    operator: Operator
    literal: Value


@dataclass(frozen=True, slots=True)
class TextTest:
    """Test with `contains()` or `match()`; only a text can pass, negated or not."""

    function: Literal["contains", "match"]
    operand: Operand
    argument: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Negation:
    """Opposite of a test."""

    test: "Node"


@dataclass(frozen=True, slots=True)
class Every:
    """Conjunction of two or more tests: `and`."""

    tests: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Disjunction of two or more tests: `or`."""

    tests: tuple["Node", ...]


Node = LiteralComparison | TextTest | Negation | Every | Either
