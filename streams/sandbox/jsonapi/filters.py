r"""Klaviyo's filter language: `equals(email,"a@b.c")`, `any(id,["1","2"])`, `and(...)`.

Grammar, after percent-decoding by the server::

    filter    = condition *("," condition)           every condition must hold
    condition = "and(" filter ")" | operator "(" field ["," value] ")"
    value     = "[" value *("," value) "]" | string | word
    string    = '"' ... '"' | "'" ... "'"             backslash escapes one character
    word      = number, timestamp, true, false or null
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streams.sandbox.jsonapi.errors import ErrorResponse, bad_request
from streams.sandbox.jsonapi.times import parse_seconds

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_BARE_VALUE = re.compile(r"[^,()\[\]\s\"']+")
_OPERATORS = frozenset(
    {"equals", "any", "has", "contains", "starts-with", "ends-with"}
    | {"greater-than", "greater-or-equal", "less-than", "less-or-equal"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCondition:
    """One condition; `values` holds one value but for `any`."""

    operator: str
    field: str
    values: tuple[str, ...]


def parse(
    text: str, *, allowed: Mapping[str, frozenset[str]]
) -> tuple[FilterCondition, ...]:
    """Read a filter.

    Args:
        text: Parameter `filter`, percent-decoded; may be empty.
        allowed: Field to the operators Klaviyo takes on it, for this operation.

    Raises:
        Refusal: 400 about parameter `filter`.
    """
    if not text:
        return ()
    reader = _FilterParser(text)
    conditions = reader.conditions()
    if reader.remaining():
        raise invalid_filter(f"Unexpected text at position {reader.position}.")
    for condition in conditions:
        if condition.operator not in allowed.get(condition.field, ()):
            raise invalid_filter(
                f"'{condition.operator}' is not an operator of "
                f"the field '{condition.field}' here."
            )
    return tuple(conditions)


def invalid_filter(detail: str) -> ErrorResponse:
    """A 400 about parameter `filter`."""
    return bad_request(f"Invalid filter. {detail}", parameter="filter")


def matches(condition: FilterCondition, value: object) -> bool:
    """Whether a resource whose field has this value passes.

    Args:
        condition: The condition.
        value: A string, a time in seconds, or None.
    """
    if value is None:
        return False
    if isinstance(value, float | int):
        bound = _parse_bound(condition.values[0])
        return bound is not None and _COMPARISONS[condition.operator](value, bound)
    return str(value) in condition.values


def _parse_bound(text: str) -> float | None:
    return float(text) if text.isdecimal() else parse_seconds(text)


def find_equality(
    conditions: tuple[FilterCondition, ...], field: str
) -> FilterCondition | None:
    """Find the first equality condition on a field."""
    for condition in conditions:
        if condition.field == field and condition.operator in ("equals", "any"):
            return condition
    return None


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "greater-than": lambda value, bound: value > bound,
    "greater-or-equal": lambda value, bound: value >= bound,
    "less-than": lambda value, bound: value < bound,
    "less-or-equal": lambda value, bound: value <= bound,
    "equals": lambda value, bound: value == bound,
}


class _FilterParser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def remaining(self) -> str:
        return self.text[self.position :].strip()

    def conditions(self) -> list[FilterCondition]:
        conditions = self.condition()
        while self.accept(","):
            conditions += self.condition()
        return conditions

    def condition(self) -> list[FilterCondition]:
        operator = self.match(_NAME)
        self.expect("(")
        if operator == "and":
            conditions = self.conditions()
        elif operator in _OPERATORS:
            conditions = [self.comparison(operator)]
        else:
            raise invalid_filter(f"Unknown operator '{operator}'.")
        self.expect(")")
        return conditions

    def comparison(self, operator: str) -> FilterCondition:
        field = self.match(_NAME)
        values: tuple[str, ...] = ()
        if self.accept(","):
            values = self.values()
        if len(values) != (operator != "has") and operator != "any":
            raise invalid_filter(f"'{operator}' takes one value.")
        return FilterCondition(operator=operator, field=field, values=values)

    def values(self) -> tuple[str, ...]:
        if not self.accept("["):
            return (self.value(),)
        values = [] if self.peek() == "]" else [self.value()]
        while self.accept(","):
            values.append(self.value())
        self.expect("]")
        return tuple(values)

    def value(self) -> str:
        quote = self.peek()
        return self.string(quote) if quote in ('"', "'") else self.match(_BARE_VALUE)

    def string(self, quote: str) -> str:
        self.expect(quote)
        chars: list[str] = []
        while self.position < len(self.text):
            char = self.text[self.position]
            self.position += 1
            if char == quote:
                return "".join(chars)
            if char == "\\" and self.position < len(self.text):
                char = self.text[self.position]
                self.position += 1
            chars.append(char)
        raise invalid_filter("A string is not closed.")

    def peek(self) -> str:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        return self.text[self.position : self.position + 1]

    def accept(self, char: str) -> bool:
        if self.peek() != char:
            return False
        self.position += 1
        return True

    def expect(self, char: str) -> None:
        if not self.accept(char):
            raise invalid_filter(f"Expected '{char}' at position {self.position}.")

    def match(self, pattern: re.Pattern[str]) -> str:
        self.peek()
        match = pattern.match(self.text, self.position)
        if match is None:
            raise invalid_filter(f"Unexpected text at position {self.position}.")
        self.position = match.end()
        return match.group()
