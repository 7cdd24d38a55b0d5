r"""Klaviyo's filter language: `equals(email,"a@b.c")`, `any(id,["1","2"])`, `and(...)`.

The server decodes percent-encoding before a filter is parsed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from streams.sandbox.jsonapi.errors import ErrorResponse, bad_request
from streams.sandbox.jsonapi.times import parse_seconds

_GRAMMAR = r"""
start: _conditions
_conditions: _condition ("," _condition)*    // all conditions must match
_condition: _AND "(" _conditions ")" | comparison
comparison: NAME "(" NAME ("," _values)? ")"
_values: _value | "[" (_value ("," _value)*)? "]"
_value: STRING | WORD

_AND.1: /and(?=\s*\()/
NAME: /[A-Za-z_][A-Za-z0-9_.\-]*/
STRING: /"([^"\\]|\\[\s\S])*"|'([^'\\]|\\[\s\S])*'/
WORD: /[^,()\[\]\s"']+/      // number, timestamp, true, false or null
%ignore /\s+/
"""

_ESCAPED = re.compile(r"\\([\s\S])")
_OPERATORS = frozenset(
    {"equals", "any", "has", "contains", "starts-with", "ends-with"}
    | {"greater-than", "greater-or-equal", "less-than", "less-or-equal"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterCondition:
    """Condition of a filter; only `any` has several values."""

    operator: str
    field: str
    values: tuple[str, ...]


def parse(
    text: str, *, allowed: Mapping[str, frozenset[str]]
) -> tuple[FilterCondition, ...]:
    """Parse a filter into a list of conditions.

    Args:
        text: Parameter `filter`, percent-decoded; may be empty.
        allowed: Field to the operators that Klaviyo accepts for this operation.

    Raises:
        ErrorResponse: 400 about parameter `filter`.
    """
    if not text:
        return ()
    try:
        tree = _get_parser().parse(text)
    except UnexpectedInput as error:
        raise invalid_filter(
            f"Unexpected text at position {error.pos_in_stream}."
        ) from error
    conditions = [_condition(comparison) for comparison in tree.children]
    for condition in conditions:
        if condition.operator not in allowed.get(condition.field, ()):
            raise invalid_filter(
                f"'{condition.operator}' is not an operator of "
                f"the field '{condition.field}' here."
            )
    return tuple(conditions)


@cache
def _get_parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="contextual")


def _condition(comparison: Tree[Token] | Token) -> FilterCondition:
    assert isinstance(comparison, Tree)  # noqa: S101 - `start` has only comparisons
    operator, field, *values = map(str, comparison.children)
    if operator not in _OPERATORS:
        raise invalid_filter(f"Unknown operator '{operator}'.")
    if operator != "any" and len(values) != (0 if operator == "has" else 1):
        raise invalid_filter(f"'{operator}' takes one value.")
    return FilterCondition(
        operator=operator, field=field, values=tuple(map(_unquote, values))
    )


def _unquote(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value[0] in "\"'" else value


def invalid_filter(detail: str) -> ErrorResponse:
    """Return a 400 response about parameter `filter`."""
    return bad_request(f"Invalid filter. {detail}", parameter="filter")


def matches(condition: FilterCondition, value: object) -> bool:
    """Return True if a field value satisfies a condition.

    Args:
        condition: Condition of a filter.
        value: String, time in seconds, or None.
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
    """Return the first equality condition on a field, or None."""
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
