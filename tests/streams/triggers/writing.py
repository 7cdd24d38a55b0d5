"""Tree to text: what the parser must read back as the same tree."""

import re

from streams.triggers.tree import (
    Comparison,
    Either,
    Every,
    Field,
    Negation,
    Node,
    Operand,
    TextTest,
    Value,
)

_ODD = re.compile(r"[^A-Za-z0-9_-]")


def written(node: Node) -> str:
    """A trigger's text."""
    match node:
        case Negation(test):
            return f"!({written(test)})"
        case Every(tests):
            return " and ".join(_part(test) for test in tests)
        case Either(tests):
            return " or ".join(_part(test) for test in tests)
        case TextTest():
            call = f"{node.function}({_operand(node.left)}, {_literal(node.argument)})"
            return f"!{call}" if node.negated else call
        case Comparison():
            return f"{_operand(node.left)} {node.operator} {_literal(node.right)}"


def _part(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, Every | Either) else written(node)


def _operand(operand: Operand) -> str:
    if isinstance(operand, Field):
        return ".".join((operand.root, *map(_key, operand.path)))
    return f"{operand.function}({_operand(operand.field)})"


def _key(key: str) -> str:
    escaped = _ODD.sub(lambda odd: f"\\{odd[0]}", key)
    return escaped if re.match(r"[A-Za-z_\\]", escaped) else f"\\{escaped}"


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else f"{value}"
