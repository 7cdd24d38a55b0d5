"""Meaning of literals, dependent on the operand of the comparison."""

import re
from decimal import Decimal

from lark import Token

from streams.triggers.errors import TriggerError
from streams.triggers.tree import Call, FieldPath, Operand, Value

TYPE_NAMES = ("string", "number", "list", "object", "bool", "null")
"""Possible results of `typeof()`."""

EXACT_INTEGER_MAX = 2**53
"""Largest integer up to which doubles, JSON's numbers in Segment, skip no integer."""

_ORDERS = {"<", "<=", ">", ">="}
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_ESCAPED = re.compile(r"\\([\s\S])")
_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def error_at(problem: str, token: Token) -> TriggerError:
    """Return an error at the position of a token."""
    return TriggerError(problem, line=token.line or 1, column=token.column or 1)


def unescape(text: str) -> str:
    """Remove the backslashes from a path or word."""
    return _ESCAPED.sub(r"\1", text)


def parse_literal(token: Token) -> Value:
    """Return the value of a literal token."""
    match token.type:
        case "STRING":
            return token[1:-1]
        case "NUMBER":
            return _number(token)
        case "WORD":
            return unescape(token)
        case _:
            return _CONSTANTS[token]


def as_text(value: Value) -> str:
    """Return a literal as text, for fields of text: `event = 10` means "10"."""
    if isinstance(value, bool) or value is None:
        return next(
            name for name, value_meant in _CONSTANTS.items() if value_meant is value
        )
    return value if isinstance(value, str) else format(Decimal(repr(value)), "f")


def literal_for_operand(token: Token, *, operand: Operand, operator: str) -> Value:
    """Return the literal in the type that the comparison uses.

    Raises:
        TriggerError: The operand can never equal such a value.
    """
    value = parse_literal(token)
    if operator in _ORDERS or (
        isinstance(operand, Call) and operand.function == "length"
    ):
        return _as_number(value, token)
    if isinstance(operand, FieldPath):
        return _for_field(value, operand)
    return _for_typeof(value, token) if operand.function == "typeof" else _text(value)


def _for_field(value: Value, field: FieldPath) -> Value:
    match field.root:
        case "type" | "event":
            return as_text(value)
        case "name":
            return _text(value)
        case "userId":
            return value if isinstance(value, bool) else _text(value)
        case _:
            return value


def _text(value: Value) -> str | None:
    return None if value is None else as_text(value)


def _for_typeof(value: Value, token: Token) -> str:
    name = as_text(value)
    if name not in TYPE_NAMES:
        raise error_at(
            f"`{name}` is not a type; expected {', '.join(TYPE_NAMES)}", token
        )
    return name


def _as_number(value: Value, token: Token) -> int | float:
    if isinstance(value, str) and _NUMERIC.fullmatch(value):
        return _whole(float(value))
    if isinstance(value, str | bool) or value is None:
        raise error_at(f"found `{token}`; expected a number", token)
    return value


def _number(token: Token) -> int | float:
    value = float(token)
    if value in {float("inf"), float("-inf")}:
        raise error_at("the number is too large", token)
    return _whole(value)


def _whole(value: float) -> int | float:
    exact = value.is_integer() and abs(value) <= EXACT_INTEGER_MAX
    return int(value) if exact else value
