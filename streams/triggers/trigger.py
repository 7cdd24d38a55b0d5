"""Triggers select the events that a mapping handles."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.triggers.parsing import parse
from streams.triggers.reading import ValueReader, compile_reader
from streams.triggers.tree import (
    Either,
    Every,
    LiteralComparison,
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


def compile_predicate(node: Node) -> Predicate:
    """Compile a tree to a function that raises for values that are not objects."""
    match node:
        case LiteralComparison():
            return _comparison(node)
        case TextTest():
            return _text_test(node)
        case Negation(test):
            return _negation(compile_predicate(test))
        case Every(tests):
            return _every([compile_predicate(test) for test in tests])
        case Either(tests):
            return _either([compile_predicate(test) for test in tests])


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


def _comparison(node: LiteralComparison) -> Predicate:
    read, literal = compile_reader(node.operand), node.literal
    if literal is None or isinstance(literal, bool):
        return _identity(read, literal, node.operator)
    if isinstance(literal, str):
        return _equality(read, literal, node.operator)
    return _number(read, literal, _COMPARE[node.operator])


def _identity(read: ValueReader, literal: bool | None, sign: Operator) -> Predicate:  # noqa: FBT001 - the literal itself
    if sign == "=":
        return lambda event: read(event) is literal
    return lambda event: read(event) is not literal


def _equality(read: ValueReader, literal: str, sign: Operator) -> Predicate:
    if sign == "=":
        return lambda event: bool(read(event) == literal)
    return lambda event: bool(read(event) != literal)


def _number(
    read: ValueReader, literal: float, compare: Callable[[Any, Any], bool]
) -> Predicate:
    def number(event: Mapping[str, Any]) -> bool:
        value = read(event)
        return type(value) in _NUMBERS and compare(value, literal)

    return number


def _text_test(node: TextTest) -> Predicate:
    read, passes, negated = compile_reader(node.operand), _text_rule(node), node.negated

    def text_test(event: Mapping[str, Any]) -> bool:
        value = read(event)
        return isinstance(value, str) and passes(value) is not negated

    return text_test


def _text_rule(node: TextTest) -> Callable[[str], bool]:
    """Return the test of a text; a pattern has a single wildcard, at the end or start.

    Segment evaluates no other wildcard: `x*` matches texts that begin with x, and any
    other pattern gives, after its first character, the end of the text.
    """
    pattern = node.argument
    if node.function == "contains":
        return lambda text: pattern in text
    if pattern.endswith("*"):
        begin = pattern[:-1]
        return lambda text: text.startswith(begin)
    end = pattern[1:]
    return lambda text: text.endswith(end)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Compiled trigger; call the trigger with an event.

    Attributes:
        text: Trigger as it was written.
        node: Tree of the trigger.
        test: Compiled predicate, for JSON objects only.
    """

    text: str
    node: Node = field(repr=False, compare=False)
    test: Predicate = field(repr=False, compare=False)

    def __call__(self, event: object) -> bool:
        """Return True if the event matches; values that are not objects never match."""
        if type(event) is dict or isinstance(event, Mapping):
            return self.test(event)
        return False


def compile_trigger(text: str) -> Trigger:
    """Parse and compile a trigger.

    Args:
        text: FQL as in a Segment destination, such as `type = "track"`.

    Raises:
        TriggerError: The text is wrong; a `ConfigError` with line, column and expected
            tokens.
    """
    node = parse(text)
    return Trigger(text, node, compile_predicate(node))
