"""Tree to predicate: closures, built once, that do only what an event needs."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from streams.triggers.reading import Reader, reader
from streams.triggers.tree import (
    Comparison,
    Either,
    Every,
    Negation,
    Node,
    Operator,
    TextTest,
)

Predicate = Callable[[Mapping[str, Any]], bool]

_NUMBERS = (int, float)
_COMPARE: Mapping[Operator, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def predicate(node: Node) -> Predicate:
    """Make a tree into a function; it raises for no JSON object."""
    match node:
        case Comparison():
            return _comparison(node)
        case TextTest():
            return _text_test(node)
        case Negation(test):
            return _negation(predicate(test))
        case Every(tests):
            return _every([predicate(test) for test in tests])
        case Either(tests):
            return _either([predicate(test) for test in tests])


def _negation(test: Predicate) -> Predicate:
    return lambda event: not test(event)


def _every(tests: list[Predicate]) -> Predicate:
    def every(event: Mapping[str, Any]) -> bool:
        for test in tests:  # noqa: SIM110 - all() costs twice the time
            if not test(event):
                return False
        return True

    return every


def _either(tests: list[Predicate]) -> Predicate:
    def either(event: Mapping[str, Any]) -> bool:
        for test in tests:  # noqa: SIM110 - any() costs twice the time
            if test(event):
                return True
        return False

    return either


def _comparison(node: Comparison) -> Predicate:
    read, wanted = reader(node.left), node.right
    if wanted is None or isinstance(wanted, bool):
        return _identity(read, wanted, node.operator)
    if isinstance(wanted, str):
        return _equality(read, wanted, node.operator)
    return _number(read, wanted, _COMPARE[node.operator])


def _identity(read: Reader, wanted: bool | None, sign: Operator) -> Predicate:  # noqa: FBT001 - the literal itself
    if sign == "=":
        return lambda event: read(event) is wanted
    return lambda event: read(event) is not wanted


def _equality(read: Reader, wanted: str, sign: Operator) -> Predicate:
    if sign == "=":
        return lambda event: bool(read(event) == wanted)
    return lambda event: bool(read(event) != wanted)


def _number(
    read: Reader, wanted: float, compare: Callable[[Any, Any], bool]
) -> Predicate:
    def number(event: Mapping[str, Any]) -> bool:
        value = read(event)
        return type(value) in _NUMBERS and compare(value, wanted)

    return number


def _text_test(node: TextTest) -> Predicate:
    read, passes, negated = reader(node.left), _text_rule(node), node.negated

    def text_test(event: Mapping[str, Any]) -> bool:
        value = read(event)
        return isinstance(value, str) and passes(value) is not negated

    return text_test


def _text_rule(node: TextTest) -> Callable[[str], bool]:
    """The rule on a text; a pattern's one wildcard is at its end, else at its start.

    Segment looks at no other: `x*` begins with x, and any other pattern names, after
    its first character, what the text ends with.
    """
    wanted = node.argument
    if node.function == "contains":
        return lambda text: wanted in text
    if wanted.endswith("*"):
        begin = wanted[:-1]
        return lambda text: text.startswith(begin)
    end = wanted[1:]
    return lambda text: text.endswith(end)
