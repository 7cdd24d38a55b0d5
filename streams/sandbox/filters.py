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

from streams.sandbox.errors import Refusal, refuse
from streams.sandbox.times import seconds

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_WORD = re.compile(r"[^,()\[\]\s\"']+")
_OPERATORS = frozenset(
    {"equals", "any", "has", "contains", "starts-with", "ends-with"}
    | {"greater-than", "greater-or-equal", "less-than", "less-or-equal"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition; `values` holds one value but for `any`."""

    operator: str
    field: str
    values: tuple[str, ...]


def parse(text: str, *, allowed: Mapping[str, frozenset[str]]) -> tuple[Condition, ...]:
    """Read a filter.

    Args:
        text: Parameter `filter`, percent-decoded; may be empty.
        allowed: Field to the operators Klaviyo takes on it, for this operation.

    Raises:
        Refusal: 400 about parameter `filter`.
    """
    if not text:
        return ()
    reader = _Reader(text)
    conditions = reader.conditions()
    if reader.rest():
        raise refused(f"Unexpected text at position {reader.at}.")
    for condition in conditions:
        if condition.operator not in allowed.get(condition.field, ()):
            raise refused(
                f"'{condition.operator}' is not an operator of "
                f"the field '{condition.field}' here."
            )
    return tuple(conditions)


def refused(detail: str) -> Refusal:
    """A 400 about parameter `filter`."""
    return refuse(f"Invalid filter. {detail}", parameter="filter")


def holds(condition: Condition, value: object) -> bool:
    """Whether a resource whose field has this value passes.

    Args:
        condition: The condition.
        value: A string, a time in seconds, or None.
    """
    if value is None:
        return False
    if isinstance(value, float | int):
        bound = _bound(condition.values[0])
        return bound is not None and _COMPARE[condition.operator](value, bound)
    return str(value) in condition.values


def _bound(text: str) -> float | None:
    return float(text) if text.isdecimal() else seconds(text)


def first_of(conditions: tuple[Condition, ...], field: str) -> Condition | None:
    """Find the first equality condition on a field."""
    for condition in conditions:
        if condition.field == field and condition.operator in ("equals", "any"):
            return condition
    return None


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "greater-than": lambda value, bound: value > bound,
    "greater-or-equal": lambda value, bound: value >= bound,
    "less-than": lambda value, bound: value < bound,
    "less-or-equal": lambda value, bound: value <= bound,
    "equals": lambda value, bound: value == bound,
}


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def conditions(self) -> list[Condition]:
        found = self.condition()
        while self.took(","):
            found += self.condition()
        return found

    def condition(self) -> list[Condition]:
        operator = self.match(_NAME)
        self.expect("(")
        if operator == "and":
            found = self.conditions()
        elif operator in _OPERATORS:
            found = [self.comparison(operator)]
        else:
            raise refused(f"Unknown operator '{operator}'.")
        self.expect(")")
        return found

    def comparison(self, operator: str) -> Condition:
        field = self.match(_NAME)
        values: tuple[str, ...] = ()
        if self.took(","):
            values = self.values()
        if len(values) != (operator != "has") and operator != "any":
            raise refused(f"'{operator}' takes one value.")
        return Condition(operator=operator, field=field, values=values)

    def values(self) -> tuple[str, ...]:
        if not self.took("["):
            return (self.value(),)
        found = [] if self.peek() == "]" else [self.value()]
        while self.took(","):
            found.append(self.value())
        self.expect("]")
        return tuple(found)

    def value(self) -> str:
        quote = self.peek()
        return self.string(quote) if quote in ('"', "'") else self.match(_WORD)

    def string(self, quote: str) -> str:
        self.expect(quote)
        letters: list[str] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            self.at += 1
            if letter == quote:
                return "".join(letters)
            if letter == "\\" and self.at < len(self.text):
                letter = self.text[self.at]
                self.at += 1
            letters.append(letter)
        raise refused("A string is not closed.")

    def peek(self) -> str:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1
        return self.text[self.at : self.at + 1]

    def took(self, letter: str) -> bool:
        if self.peek() != letter:
            return False
        self.at += 1
        return True

    def expect(self, letter: str) -> None:
        if not self.took(letter):
            raise refused(f"Expected '{letter}' at position {self.at}.")

    def match(self, pattern: re.Pattern[str]) -> str:
        self.peek()
        found = pattern.match(self.text, self.at)
        if found is None:
            raise refused(f"Unexpected text at position {self.at}.")
        self.at = found.end()
        return found.group()
