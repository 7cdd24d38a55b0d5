"""A trigger that cannot be read, with the place and what would be right there."""

import re
from typing import cast

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from streams.errors import ConfigError
from streams.triggers.grammar import WORDS, parser

_FOUND = re.compile(r"[\w\\.\-]+|[^\w\s()]+\w*|[()]")
_FOUND_MAX_CHARS = 40


class TriggerError(ConfigError):
    """A trigger is wrong.

    Args:
        what: What is wrong, and what would be right.
        line: Line of the trigger's text, from 1.
        column: Character in that line, from 1.
    """

    def __init__(self, what: str, *, line: int, column: int) -> None:
        super().__init__((f"line {line}, column {column}: {what}",))
        self.line = line
        self.column = column


def from_lark(error: UnexpectedInput, *, text: str) -> TriggerError:
    """Say in the words of the language what the parser met and wanted."""
    position = _position(error, text=text)
    before = text[:position]
    return TriggerError(
        f"found {_found(text, position)}; expected {_expected(before)}",
        line=before.count("\n") + 1,
        column=position - before.rfind("\n"),
    )


def _position(error: UnexpectedInput, *, text: str) -> int:
    if isinstance(error, UnexpectedCharacters):
        return cast("int", error.pos_in_stream)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return cast("int", error.token.start_pos)
    return len(text.rstrip())


def _found(text: str, position: int) -> str:
    found = _FOUND.match(text, position)
    return f"`{found[0][:_FOUND_MAX_CHARS]}`" if found else "the end"


def _expected(before: str) -> str:
    """What can stand after a text that was right so far."""
    state = parser().parse_interactive(before)
    state.exhaust_lexer()
    wanted = state.accepts()  # type: ignore[no-untyped-call]  # lark has no type for it
    words = [word for terminal, word in WORDS.items() if terminal in wanted]
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
