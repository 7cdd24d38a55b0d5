"""`@replace`: replace at most two literal patterns in a text."""

import re
from typing import Final

from streams.mapping.compile_context import CompileContext
from streams.mapping.text import text_of
from streams.mapping.values import Json, Resolver

PATTERN_MAX: Final = 10
"""Longest pattern in characters, Segment's `MAX_PATTERN_LENGTH`."""

REPLACEMENT_MAX: Final = 10
"""Longest replacement in characters, Segment's `MAX_REPLACEMENT_LENGTH`."""

_REFERENCE: Final = re.compile(r"\$([$&`'])")
"""References to the match in a replacement (ECMA-262, GetSubstitution)."""


def replace(options: Json, at: str, context: CompileContext) -> Resolver:
    """`@replace`: replace in a text, number or boolean; any other value becomes "".

    Every occurrence is replaced unless `global` is false; `ignorecase` ignores case.
    The literals 0, false and "" are values.
    """
    if not isinstance(options, dict):
        return context.reject(at, '@replace requires an object with a "pattern" key')
    if not options.get("pattern"):
        return context.reject(at, '@replace requires a "pattern" key')
    steps = [
        _compile_step(options, suffix=suffix, at=at, context=context)
        for suffix in ("", "2")
    ]
    complete_steps = [step for step in steps if step is not None]
    get = context.compile_node(options.get("value"), at=f"{at}/value")
    if steps[0] is None:
        return lambda _: ""
    return _replace_all(
        get, complete_steps, count=1 if options.get("global") is False else 0
    )


_ReplaceStep = tuple[re.Pattern[str], str]


def _compile_step(
    options: dict[str, Json], *, suffix: str, at: str, context: CompileContext
) -> _ReplaceStep | None:
    pattern = options.get(f"pattern{suffix}")
    raw_replacement = options.get(f"replacement{suffix}")
    replacement = "" if raw_replacement is None else raw_replacement
    if not pattern or not isinstance(pattern, str) or not isinstance(replacement, str):
        return None
    for text, name, length_max in (
        (pattern, "pattern", PATTERN_MAX),
        (replacement, "replacement", REPLACEMENT_MAX),
    ):
        if len(text) > length_max:
            wording = f'@replace requires a "{name}" less than {length_max} characters'
            context.reject(f"{at}/{name}{suffix}", wording)
    flags = re.IGNORECASE if options.get("ignorecase") is True else re.NOFLAG
    return re.compile(re.escape(pattern), flags), replacement


def _replace_all(get: Resolver, steps: list[_ReplaceStep], *, count: int) -> Resolver:
    def resolve(payload: Json) -> str:
        value = get(payload)
        if not isinstance(value, (str, int, float)):
            return ""
        text = text_of(value)
        for pattern, replacement in steps:
            text = pattern.sub(_compile_substitution(replacement), text, count=count)
        return text

    return resolve


def _compile_substitution(replacement: str) -> Json:
    if "$" not in replacement:
        return lambda _: replacement

    def fill(match: re.Match[str]) -> str:
        substitutes = {
            "$": "$",
            "&": match[0],
            "`": match.string[: match.start()],
            "'": match.string[match.end() :],
        }
        return _REFERENCE.sub(lambda special: substitutes[special[1]], replacement)

    return fill
