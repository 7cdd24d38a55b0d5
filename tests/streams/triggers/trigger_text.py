"""Conversion of a tree to text, which the parser must read as the same tree."""

import re

from streams.triggers.tree import (
    Either,
    Every,
    FieldPath,
    LiteralComparison,
    Negation,
    Node,
    Operand,
    TextTest,
    Value,
)

_ODD = re.compile(r"[^A-Za-z0-9_-]")


def trigger_text(node: Node) -> str:
    """Return the text of a tree."""
    match node:
        case Negation(test):
            return f"!({trigger_text(test)})"
        case Every(tests):
            return " and ".join(_part(test) for test in tests)
        case Either(tests):
            return " or ".join(_part(test) for test in tests)
        case TextTest():
            call = (
                f"{node.function}({_operand(node.operand)}, {_literal(node.argument)})"
            )
            return f"!{call}" if node.negated else call
        case LiteralComparison():
            return f"{_operand(node.operand)} {node.operator} {_literal(node.literal)}"


def _part(node: Node) -> str:
    return (
        f"({trigger_text(node)})"
        if isinstance(node, Every | Either)
        else trigger_text(node)
    )


def _operand(operand: Operand) -> str:
    if isinstance(operand, FieldPath):
        return ".".join((operand.root, *map(_key, operand.path)))
    return f"{operand.function}({_operand(operand.field)})"


def _key(key: str) -> str:
    escaped = _ODD.sub(lambda odd: f"\\{odd[0]}", key)
    return escaped if re.match(r"[A-Za-z_\\]", escaped) else f"\\{escaped}"


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    constants = {None: "null", True: "true", False: "false"}
    return constants[value] if value is None or isinstance(value, bool) else f"{value}"
