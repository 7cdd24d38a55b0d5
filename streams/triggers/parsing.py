"""Parse the text of a trigger to a tree."""

import re
from typing import Literal, cast

from lark import Token, Tree
from lark.exceptions import UnexpectedInput

from streams.triggers.errors import TriggerError, from_lark
from streams.triggers.grammar import get_parser
from streams.triggers.literals import (
    as_text,
    error_at,
    literal_for_operand,
    parse_literal,
    unescape,
)
from streams.triggers.tree import (
    Call,
    Either,
    Every,
    FieldPath,
    LiteralComparison,
    Negation,
    Node,
    Operand,
    Operator,
    Root,
    TextTest,
)

DEPTH_MAX = 100
"""Deepest nesting of groups; triggers written by hand need three levels."""

_TOP_ROOTS = frozenset({"type", "event", "name", "userId"})
_ROOT = re.compile(r"[A-Za-z]+")
_KEY = re.compile(r"[^\[\].]+")

Branch = Tree[Token]


def parse(text: str) -> Node:
    """Parse the text of a trigger.

    Raises:
        TriggerError: The text is not FQL; the error has the position and the expected
            tokens.
    """
    try:
        return _node(get_parser().parse(text), depth=0)
    except UnexpectedInput as error:
        raise from_lark(error, text=text) from error


def _node(branch: Branch, *, depth: int) -> Node:
    match branch.data:
        case "comparison":
            return _comparison(branch)
        case "text_test":
            return _text_test(branch, negated=False)
        case "flag":
            return _flag(branch)
        case "negation":
            return _negation(_branch(branch, 0), depth=depth + 1)
        case "group":
            return _group(branch, depth=depth + 1)
        case _:
            return _junction(branch, depth=depth)


def _junction(branch: Branch, *, depth: int) -> Node:
    tests = tuple(_node(test, depth=depth) for test in _branches(branch))
    return Every(tests) if branch.data == "every" else Either(tests)


def _group(branch: Branch, *, depth: int) -> Node:
    if depth > DEPTH_MAX:
        raise _too_deep(branch)
    return _node(_branch(branch, 0), depth=depth)


def _negation(branch: Branch, *, depth: int) -> Node:
    """Parse a negation; in FQL `!contains()` is a separate test, unlike `!(...)`.

    The test passes only for a text that does not contain the argument.
    """
    if depth > DEPTH_MAX:
        raise _too_deep(branch)
    if branch.data == "text_test":
        return _text_test(branch, negated=True)
    return Negation(_node(branch, depth=depth))


def _too_deep(branch: Branch) -> TriggerError:
    inner: Branch | Token = branch
    while isinstance(inner, Tree):  # not recursion: nobody knows how deep it is
        inner = inner.children[0]
    return error_at(
        f"more than {DEPTH_MAX} groups in each other; expected fewer", inner
    )


def _comparison(branch: Branch) -> LiteralComparison:
    operand, operator = _operand(_branch(branch, 0)), str(_token(branch, 1))
    value = literal_for_operand(_token(branch, 2), operand=operand, operator=operator)
    return LiteralComparison(operand, cast("Operator", operator), value)


def _text_test(branch: Branch, *, negated: bool) -> TextTest:
    function = cast("Literal['contains', 'match']", str(_token(branch, 0)))
    operand = _operand(_branch(branch, 1))
    return TextTest(
        function, operand, as_text(parse_literal(_token(branch, 2))), negated
    )


def _flag(branch: Branch) -> LiteralComparison:
    flag, field = _token(branch, 0), _field(_token(_branch(branch, 1), 0))
    if field.root in {"type", "event", "name"}:
        raise error_at(
            f"{field.root} is a text; expected a field of true or false", flag
        )
    return LiteralComparison(field, "=", flag == "is_true")


def _operand(branch: Branch) -> Operand:
    if branch.data == "field":
        return _field(_token(branch, 0))
    function = cast("Literal['lowercase', 'length', 'typeof']", str(_token(branch, 0)))
    return Call(function, _field(_token(_branch(branch, 1), 0)))


def _field(token: Token) -> FieldPath:
    """Parse a path, split at every dot and bracket, escaped or not."""
    name = unescape(token)
    root = cast("Root", name if name in _TOP_ROOTS else _ROOT.findall(token)[0])
    if root in _TOP_ROOTS:
        return FieldPath(root)
    path = tuple(_KEY.findall(name.removeprefix(f"{root}.")))
    if not path:
        raise error_at(f"{root} without a field; expected {root}.x", token)
    return FieldPath(root, path)


def _branches(branch: Branch) -> list[Branch]:
    return [child for child in branch.children if isinstance(child, Tree)]


def _branch(branch: Branch, at: int) -> Branch:
    child = branch.children[at]
    assert isinstance(child, Tree)  # noqa: S101 - the grammar puts a branch there
    return child


def _token(branch: Branch, at: int) -> Token:
    child = branch.children[at]
    assert isinstance(child, Token)  # noqa: S101 - the grammar puts a token there
    return child
