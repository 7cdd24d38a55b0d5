"""Filters for text, with the defaults of liquidjs."""

import re
from collections.abc import Callable
from typing import Any, Final

from streams.mapping.liquid.convert import liquid_text, to_integer
from streams.mapping.liquid.limits import check_work
from streams.mapping.values import Json

_LINE_END: Final = re.compile(r"\r?\n")
_SPACE: Final = re.compile(r"\s+")
_CJK: Final = (
    "\u3040-\u309f\u30a0-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
_CJK_LETTER: Final = re.compile(f"[{_CJK}]")
_CJK_NONE: Final = re.compile(rf"[^{_CJK}\s]+")

_TRUNCATE_CHARS: Final = 50
_TRUNCATE_WORDS: Final = 15
"""liquidjs's defaults."""


def _text(work: Callable[[str], str]) -> Callable[..., str]:
    return lambda value: work(liquid_text(value))


def append(value: Json, tail: Json = None) -> str:
    """Add a text at the end."""
    return liquid_text(value) + liquid_text(tail)


def prepend(value: Json, head: Json = None) -> str:
    """Add a text at the start."""
    return liquid_text(head) + liquid_text(value)


def _stripping(work: Callable[[str, str | None], str]) -> Callable[..., str]:
    def strip(value: Json, chars: Json = None) -> str:
        return work(liquid_text(value), liquid_text(chars) or None)

    return strip


def replace(value: Json, pattern: Json = None, new: Json = None) -> str:
    """Replace every occurrence of a pattern."""
    text, old, fresh = (liquid_text(argument) for argument in (value, pattern, new))
    pieces = list(text) if old == "" else text.split(old)
    check_work(len(text) + len(pieces) * len(fresh))
    return fresh.join(pieces)


def replace_first(value: Json, pattern: Json = None, new: Json = None) -> str:
    """Replace the first occurrence of a pattern."""
    return liquid_text(value).replace(liquid_text(pattern), liquid_text(new), 1)


def replace_last(value: Json, pattern: Json = None, new: Json = None) -> str:
    """Replace the last occurrence of a pattern."""
    text, old = liquid_text(value), liquid_text(pattern)
    before, separator, after = text.rpartition(old) if old else (text, "", "")
    return before + liquid_text(new) + after if separator or not old else text


def split(value: Json, separator: Json = None) -> list[str]:
    """Split a text, and drop empty pieces at the end."""
    text, mark = liquid_text(value), liquid_text(separator)
    pieces = text.split(mark) if mark else list(text)
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def truncate(value: Json, length: Json = None, tail: Json = "...") -> Json:
    """Shorten a text to a length that includes the tail."""
    text, end = liquid_text(value), liquid_text(tail)
    longest = to_integer(length, default=_TRUNCATE_CHARS)
    if len(text) <= longest:
        return value
    return text[: max(0, longest - len(end))] + end


def truncatewords(value: Json, words: Json = None, tail: Json = "...") -> str:
    """Shorten a text to some words.

    A text of exactly that many words gets the tail too.
    """
    pieces = _SPACE.split(liquid_text(value))
    words_max = max(1, to_integer(words, default=_TRUNCATE_WORDS))
    shortened = " ".join(pieces[:words_max])
    return shortened + liquid_text(tail) if len(pieces) >= words_max else shortened


def number_of_words(value: Json, mode: Json = None) -> int:
    """Count words; `cjk` and `auto` count Han, Kana and Hangul letters separately."""
    text = liquid_text(value).strip()
    cjk_count = len(_CJK_LETTER.findall(text))
    if mode == "cjk" or (mode == "auto" and cjk_count):
        return cjk_count + len(_CJK_NONE.findall(text))
    return len(text.split())


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "append": append,
    "capitalize": _text(_capitalize),
    "downcase": _text(str.lower),
    "lstrip": _stripping(str.lstrip),
    "normalize_whitespace": _text(lambda text: _SPACE.sub(" ", text)),
    "number_of_words": number_of_words,
    "prepend": prepend,
    "remove": lambda value, pattern=None: replace(value, pattern, ""),
    "remove_first": lambda value, pattern=None: replace_first(value, pattern, ""),
    "remove_last": lambda value, pattern=None: replace_last(value, pattern, ""),
    "replace": replace,
    "replace_first": replace_first,
    "replace_last": replace_last,
    "rstrip": _stripping(str.rstrip),
    "split": split,
    "strip": _stripping(str.strip),
    "strip_newlines": _text(lambda text: _LINE_END.sub("", text)),
    "truncate": truncate,
    "truncatewords": truncatewords,
    "upcase": _text(str.upper),
}
"""Text filters, by name."""
