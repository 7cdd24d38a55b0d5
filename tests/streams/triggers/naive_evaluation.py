"""Slow and simple evaluation of a tree, for comparison with the compiled predicate."""

from functools import reduce
from typing import Any

from streams.triggers.tree import (
    Call,
    Either,
    Every,
    FieldPath,
    LiteralComparison,
    Negation,
    Node,
    Operand,
    TextTest,
)


def evaluate(node: Node, event: dict[str, Any]) -> bool:
    """Return True if an event matches, by walking the tree."""
    match node:
        case Negation(test):
            return not evaluate(test, event)
        case Every(tests):
            return all(evaluate(test, event) for test in tests)
        case Either(tests):
            return any(evaluate(test, event) for test in tests)
        case TextTest():
            return _text_test(node, value_of(node.operand, event))
        case LiteralComparison():
            return _comparison(node, value_of(node.operand, event))


def value_of(operand: Operand, event: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a field or call in an event."""
    if isinstance(operand, FieldPath):
        return reduce(_below, (operand.root, *operand.path), event)
    value = value_of(operand.field, event)
    return _called(operand, value)


def kind(value: object) -> str:
    """Return the name of a JSON type."""
    kinds = {
        dict: "object",
        list: "list",
        str: "string",
        bool: "bool",
        int: "number",
        float: "number",
        type(None): "null",
    }
    return kinds[type(value)]


def _called(call: Call, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if call.function == "typeof":
        return kind(value)
    if call.function == "lowercase":
        return value.lower() if kind(value) == "string" else None
    sizes = {"string": lambda: len(value.encode()), "list": lambda: len(value)}
    return sizes.get(kind(value), lambda: 0)()


def _below(value: Any, key: str) -> Any:  # noqa: ANN401 - any JSON
    if kind(value) == "object":
        return value.get(key)
    if kind(value) == "list":
        numbered = {str(at): element for at, element in enumerate(value)}
        return (numbered | {"length": len(value)}).get(key)
    if value and kind(value) == "string" and key == "length":
        return sum(2 if char > "\uffff" else 1 for char in value)
    return None if value else value


def _text_test(node: TextTest, value: object) -> bool:
    return isinstance(value, str) and _text_matches(node, value) != node.negated


def _text_matches(node: TextTest, value: str) -> bool:
    if node.function == "contains":
        return value.find(node.argument) >= 0
    if node.argument[-1:] == "*":
        return value.find(node.argument[:-1]) == 0
    end = node.argument[1:]
    return not end or value[-len(end) :] == end


def _comparison(node: LiteralComparison, value: Any) -> bool:  # noqa: ANN401 - any JSON
    literal: Any = node.literal
    if kind(literal) == "number" and kind(value) != "number":
        return False
    if node.operator in {"=", "!="}:
        same = kind(value) == kind(literal) and value == literal
        return bool(same) is (node.operator == "=")
    order = (value > literal) - (value < literal)
    orders = {"<": {-1}, "<=": {-1, 0}, ">": {1}, ">=": {0, 1}}
    return order in orders[node.operator]
