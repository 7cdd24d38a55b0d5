r"""String literals with escapes, not supported by python-liquid.

Before parsing, each escape is replaced by its character. A quote is replaced by a
private character, and restored where the literal is used.
"""

import re
from typing import Any, Final

from liquid.builtin.expressions import StringLiteral

_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_RAW: Final = re.compile(r"\{%-?\s*(?:raw|comment)\b")
_LITERAL: Final = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{1,4})|([0-7]{1,3})|(.))", re.DOTALL)

_NAMED_ESCAPES: Final = {
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_HIDDEN: Final = {'"': "\uf8f0", "'": "\uf8f1"}
_SHOWN: Final = str.maketrans({hidden: quote for quote, hidden in _HIDDEN.items()})


def unescape_literals(text: str) -> str:
    """Replace the escapes in a template's string literals by characters."""
    if "\\" not in text or _RAW.search(text):
        return text
    return _MARKUP.sub(lambda markup: _LITERAL.sub(_unescape_literal, markup[0]), text)


def _unescape_literal(match: re.Match[str]) -> str:
    quote = match[0][0]
    return quote + _ESCAPE.sub(_unescape_character, match[0][1:-1]) + quote


def _unescape_character(match: re.Match[str]) -> str:
    if match[1] or match[2]:
        code = int(match[1], 16) if match[1] else int(match[2], 8)
        character = "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
    else:
        character = _NAMED_ESCAPES.get(match[3], match[3])
    return _HIDDEN.get(character, character)


def restore_quotes(expression: Any) -> None:  # noqa: ANN401 - any expression of python-liquid
    """Restore the quotes in all string literals under an expression."""
    if isinstance(expression, StringLiteral):
        expression.value = expression.value.translate(_SHOWN)
    for child in expression.children():
        restore_quotes(child)
