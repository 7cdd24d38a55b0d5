"""`@replace`: one or two literal patterns, replaced in a text."""

import re
from typing import Final

from streams.mapping.build import Bench
from streams.mapping.text import text_of
from streams.mapping.values import Json, Resolver

PATTERN_MAX: Final = 10
"""Characters of a pattern, Segment's mapping kit, `MAX_PATTERN_LENGTH`."""

REPLACEMENT_MAX: Final = 10
"""Characters of a replacement, Segment's mapping kit, `MAX_REPLACEMENT_LENGTH`."""

_SPECIAL: Final = re.compile(r"\$([$&`'])")
"""What a replacement may say of its match (ECMA-262, GetSubstitution)."""


def replace(options: Json, at: str, bench: Bench) -> Resolver:
    """`@replace`: in a text, number or boolean; anything else becomes "".

    Every occurrence unless `global` is false; `ignorecase` as it says. The literals
    0, false and "" are values.
    """
    if not isinstance(options, dict):
        return bench.refuse(at, '@replace requires an object with a "pattern" key')
    if not options.get("pattern"):
        return bench.refuse(at, '@replace requires a "pattern" key')
    steps = [_step(options, suffix=suffix, at=at, bench=bench) for suffix in ("", "2")]
    made = [step for step in steps if step is not None]
    get = bench.resolver(options.get("value"), at=f"{at}/value")
    if steps[0] is None:
        return lambda _: ""
    return _replacing(get, made, count=1 if options.get("global") is False else 0)


_Step = tuple[re.Pattern[str], str]


def _step(
    options: dict[str, Json], *, suffix: str, at: str, bench: Bench
) -> _Step | None:
    pattern = options.get(f"pattern{suffix}")
    given = options.get(f"replacement{suffix}")
    replacement = "" if given is None else given
    if not pattern or not isinstance(pattern, str) or not isinstance(replacement, str):
        return None
    for text, name, longest in (
        (pattern, "pattern", PATTERN_MAX),
        (replacement, "replacement", REPLACEMENT_MAX),
    ):
        if len(text) > longest:
            wording = f'@replace requires a "{name}" less than {longest} characters'
            bench.refuse(f"{at}/{name}{suffix}", wording)
    flags = re.IGNORECASE if options.get("ignorecase") is True else re.NOFLAG
    return re.compile(re.escape(pattern), flags), replacement


def _replacing(get: Resolver, steps: list[_Step], *, count: int) -> Resolver:
    def resolve(payload: Json) -> str:
        value = get(payload)
        if not isinstance(value, (str, int, float)):
            return ""
        text = text_of(value)
        for pattern, replacement in steps:
            text = pattern.sub(_substitution(replacement), text, count=count)
        return text

    return resolve


def _substitution(replacement: str) -> Json:
    if "$" not in replacement:
        return lambda _: replacement

    def fill(found: re.Match[str]) -> str:
        said = {
            "$": "$",
            "&": found[0],
            "`": found.string[: found.start()],
            "'": found.string[found.end() :],
        }
        return _SPECIAL.sub(lambda special: said[special[1]], replacement)

    return fill
