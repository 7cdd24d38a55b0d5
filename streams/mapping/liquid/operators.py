"""Operators with liquidjs's equality and order; no operator ever raises."""

import math
from collections.abc import Callable
from typing import Any, Final

from liquid import RenderContext
from liquid.builtin.expressions import BooleanExpression, logical
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.expression import Expression

from streams.mapping.liquid.convert import is_nil, number_or_nan
from streams.mapping.text import text_of
from streams.mapping.values import DEPTH_MAX, UNDEFINED, Json

_DEPTH_MAX: Final = DEPTH_MAX // 3
"""Depth of arrays that are compared: each level takes three calls."""


class ValueExpression(BooleanExpression):
    """Expression with operators that evaluates to a value."""

    def evaluate(self, context: RenderContext) -> Json:
        """Evaluate the expression in a context."""
        return evaluate(self.expression, context)


class TruthExpression(ValueExpression):
    """Expression with operators that evaluates to true or false."""

    def evaluate(self, context: RenderContext) -> bool:
        """Evaluate the expression to a boolean."""
        return is_truthy(evaluate(self.expression, context))


def evaluate(node: Expression, context: RenderContext) -> Json:
    """Evaluate any expression in a context."""
    compare = _COMPARISONS.get(type(node))
    if compare is not None:
        first, second = (evaluate(side, context) for side in node.children())
        return compare(first, second)
    if isinstance(node, logical.LogicalNotExpression):
        return not is_truthy(evaluate(node.right, context))
    if isinstance(node, logical.LogicalAndExpression):
        sides = (is_truthy(evaluate(side, context)) for side in node.children())
        return all(sides)
    if isinstance(node, logical.LogicalOrExpression):
        return any(is_truthy(evaluate(side, context)) for side in node.children())
    return node.evaluate(context)


def is_truthy(value: object) -> bool:
    """Return True for every value except nil and false."""
    return value is not None and value is not False and value is not UNDEFINED


def is_equal(first: Json, second: Json, *, depth: int = 0) -> bool:
    """Compare values without conversion; objects are compared by identity."""
    if isinstance(second, (Empty, Blank)):
        return _is_void(first, second)
    if isinstance(first, (Empty, Blank)):
        return _is_void(second, first)
    if isinstance(first, (list, range)) and isinstance(second, (list, range)):
        return depth <= _DEPTH_MAX and _equal_items(first, second, depth=depth + 1)
    if is_nil(first):
        return is_nil(second)
    if isinstance(first, (dict, bool)) or isinstance(second, bool):
        return first is second
    return (type(first) is type(second) and first == second) or _same_number(
        first, second
    )


def _equal_items(first: Json, second: Json, *, depth: int) -> bool:
    if len(first) != len(second):
        return False
    return all(is_equal(a, b, depth=depth) for a, b in zip(first, second, strict=True))


def _same_number(first: object, second: object) -> bool:
    return (
        isinstance(first, (int, float))
        and isinstance(second, (int, float))
        and first == second
    )


def _is_void(value: object, void: Empty | Blank) -> bool:
    if isinstance(void, Blank) and (is_nil(value) or value is False):
        return True
    if isinstance(void, Blank) and isinstance(value, str):
        return not value.strip()
    return isinstance(value, (str, list, dict, range)) and not value


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(first: Json, second: Json) -> bool:
        void = (Empty, Blank)
        if isinstance(first, void) or isinstance(second, void):
            return False
        if isinstance(first, (str, list, dict)) and isinstance(
            second, (str, list, dict)
        ):
            return test(text_of(first), text_of(second))
        first_number, second_number = number_or_nan(first), number_or_nan(second)
        return not (math.isnan(first_number) or math.isnan(second_number)) and test(
            first_number, second_number
        )

    return compare


def _contains(first: Json, second: Json) -> bool:
    if isinstance(first, (list, range)):
        return any(is_equal(item, second) for item in first)
    return isinstance(first, str) and _searched_text(second) in first


def _searched_text(value: Json) -> str:
    if isinstance(value, (Empty, Blank)):
        return ""
    return text_of(value)


_COMPARISONS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    logical.ContainsExpression: _contains,
    logical.EqExpression: is_equal,
    logical.GeExpression: _ordered(lambda a, b: a >= b),
    logical.GtExpression: _ordered(lambda a, b: a > b),
    logical.LeExpression: _ordered(lambda a, b: a <= b),
    logical.LtExpression: _ordered(lambda a, b: a < b),
    logical.NeExpression: lambda first, second: not is_equal(first, second),
}
