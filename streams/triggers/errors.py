"""Errors of triggers, with the position and the expected tokens."""

import re
from typing import cast

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from streams.errors import ConfigError
from streams.triggers.grammar import TERMINAL_DESCRIPTIONS, get_parser

_TOKEN = re.compile(r"[\w\\.\-]+|[^\w\s()]+\w*|[()]")
_TOKEN_MAX_CHARS = 40


class TriggerError(ConfigError):
    """Trigger that cannot be parsed.

    Args:
        problem: Description of the problem and of the expected text.
        line: Line of the trigger's text, from 1.
        column: Character in that line, from 1.
    """

    def __init__(self, problem: str, *, line: int, column: int) -> None:
        super().__init__((f"line {line}, column {column}: {problem}",))
        self.line = line
        self.column = column


def from_lark(error: UnexpectedInput, *, text: str) -> TriggerError:
    """Convert a parser error to the words of the trigger language."""
    position = _position(error, text=text)
    before = text[:position]
    actual, expected = _describe_token(text, position), _describe_expected(before)
    return TriggerError(
        f"found {actual}; expected {expected}",
        line=before.count("\n") + 1,
        column=position - before.rfind("\n"),
    )


def _position(error: UnexpectedInput, *, text: str) -> int:
    if isinstance(error, UnexpectedCharacters):
        return cast("int", error.pos_in_stream)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return cast("int", error.token.start_pos)
    return len(text.rstrip())


def _describe_token(text: str, position: int) -> str:
    match = _TOKEN.match(text, position)
    return f"`{match[0][:_TOKEN_MAX_CHARS]}`" if match else "the end"


def _describe_expected(before: str) -> str:
    """Return the tokens that may follow a text that was valid so far."""
    state = get_parser().parse_interactive(before)
    state.exhaust_lexer()
    terminals = state.accepts()  # type: ignore[no-untyped-call]  # lark has no type for it
    descriptions = [
        description
        for terminal, description in TERMINAL_DESCRIPTIONS.items()
        if terminal in terminals
    ]
    return " or ".join(filter(None, (", ".join(descriptions[:-1]), descriptions[-1])))
