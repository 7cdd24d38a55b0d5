"""Operators, with liquidjs's sense of equality and order; none ever raises."""

import math
from collections.abc import Callable
from typing import Any, Final

from liquid import RenderContext
from liquid.builtin.expressions import BooleanExpression, logical
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.expression import Expression

from streams.mapping.liquids.convert import is_nil, number_or_nan
from streams.mapping.text import text_of
from streams.mapping.values import DEPTH_MAX, UNDEFINED, Json

_DEPTH_MAX: Final = DEPTH_MAX // 3
"""Arrays in arrays that are compared: each level takes three calls."""


class Condition(BooleanExpression):
    """An expression with operators, evaluated to its own value."""

    def evaluate(self, context: RenderContext) -> Json:
        """Evaluate it."""
        return evaluate(self.expression, context)


class Truth(Condition):
    """The same, evaluated to true or false."""

    def evaluate(self, context: RenderContext) -> bool:
        """Evaluate it."""
        return truthy(evaluate(self.expression, context))


def evaluate(node: Expression, context: RenderContext) -> Json:
    """Evaluate any expression."""
    compare = _COMPARISONS.get(type(node))
    if compare is not None:
        left, right = (evaluate(side, context) for side in node.children())
        return compare(left, right)
    if isinstance(node, logical.LogicalNotExpression):
        return not truthy(evaluate(node.right, context))
    if isinstance(node, logical.LogicalAndExpression):
        sides = (truthy(evaluate(side, context)) for side in node.children())
        return all(sides)
    if isinstance(node, logical.LogicalOrExpression):
        return any(truthy(evaluate(side, context)) for side in node.children())
    return node.evaluate(context)


def truthy(value: object) -> bool:
    """Tell all but nil and false."""
    return value is not None and value is not False and value is not UNDEFINED


def equal(left: Json, right: Json, *, depth: int = 0) -> bool:
    """Compare without conversion; objects are equal to none but themselves."""
    if isinstance(right, (Empty, Blank)):
        return _void(left, right)
    if isinstance(left, (Empty, Blank)):
        return _void(right, left)
    if isinstance(left, (list, range)) and isinstance(right, (list, range)):
        return depth <= _DEPTH_MAX and _equal_items(left, right, depth=depth + 1)
    if is_nil(left):
        return is_nil(right)
    if isinstance(left, (dict, bool)) or isinstance(right, bool):
        return left is right
    return (type(left) is type(right) and left == right) or _same_number(left, right)


def _equal_items(left: Json, right: Json, *, depth: int) -> bool:
    if len(left) != len(right):
        return False
    return all(equal(a, b, depth=depth) for a, b in zip(left, right, strict=True))


def _same_number(left: object, right: object) -> bool:
    return (
        isinstance(left, (int, float))
        and isinstance(right, (int, float))
        and left == right
    )


def _void(value: object, what: Empty | Blank) -> bool:
    if isinstance(what, Blank) and (is_nil(value) or value is False):
        return True
    if isinstance(what, Blank) and isinstance(value, str):
        return not value.strip()
    return isinstance(value, (str, list, dict, range)) and not value


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Json, right: Json) -> bool:
        void = (Empty, Blank)
        if isinstance(left, void) or isinstance(right, void):
            return False
        if isinstance(left, (str, list, dict)) and isinstance(right, (str, list, dict)):
            return test(text_of(left), text_of(right))
        first, second = number_or_nan(left), number_or_nan(right)
        return not (math.isnan(first) or math.isnan(second)) and test(first, second)

    return compare


def _contains(left: Json, right: Json) -> bool:
    if isinstance(left, (list, range)):
        return any(equal(item, right) for item in left)
    return isinstance(left, str) and _word(right) in left


def _word(value: Json) -> str:
    if isinstance(value, (Empty, Blank)):
        return ""
    return text_of(value)


_COMPARISONS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    logical.ContainsExpression: _contains,
    logical.EqExpression: equal,
    logical.GeExpression: _ordered(lambda a, b: a >= b),
    logical.GtExpression: _ordered(lambda a, b: a > b),
    logical.LeExpression: _ordered(lambda a, b: a <= b),
    logical.LtExpression: _ordered(lambda a, b: a < b),
    logical.NeExpression: lambda left, right: not equal(left, right),
}
