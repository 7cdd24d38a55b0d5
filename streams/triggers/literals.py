"""What a literal means: that depends on the operand it is compared with."""

import re
from decimal import Decimal

from lark import Token

from streams.triggers.errors import TriggerError
from streams.triggers.tree import Call, Field, Operand, Value

TYPE_NAMES = ("string", "number", "list", "object", "bool", "null")
"""What `typeof()` answers."""

EXACT_INTEGER_MAX = 2**53
"""Beyond it JSON's numbers, doubles in Segment, skip integers."""

_ORDERS = {"<", "<=", ">", ">="}
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_ESCAPED = re.compile(r"\\([\s\S])")
_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def error_at(problem: str, token: Token) -> TriggerError:
    """A mistake at a token."""
    return TriggerError(problem, line=token.line or 1, column=token.column or 1)


def unescape(text: str) -> str:
    """A path or word without its backslashes."""
    return _ESCAPED.sub(r"\1", text)


def parse_literal(token: Token) -> Value:
    """The value a token writes down."""
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
    """A literal where only a text can stand: `event = 10` asks for "10"."""
    if isinstance(value, bool) or value is None:
        return next(
            name for name, value_meant in _CONSTANTS.items() if value_meant is value
        )
    return value if isinstance(value, str) else format(Decimal(repr(value)), "f")


def literal_for_operand(token: Token, *, operand: Operand, operator: str) -> Value:
    """The literal as the comparison will use it.

    Raises:
        TriggerError: The operand can never be compared with such a value.
    """
    value = parse_literal(token)
    if operator in _ORDERS or (
        isinstance(operand, Call) and operand.function == "length"
    ):
        return _as_number(value, token)
    if isinstance(operand, Field):
        return _for_field(value, operand)
    return _for_typeof(value, token) if operand.function == "typeof" else _text(value)


def _for_field(value: Value, field: Field) -> Value:
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
        raise error_at(f"no type is `{name}`; expected {', '.join(TYPE_NAMES)}", token)
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
