"""The validation of a whole mapping: every mistake, in Segment's words.

As in Segment's kit the elements of arrays and the inside of `@literal` and
`@excludeWhenNull` are not looked at here; the compiler finds what is wrong there.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from streams.mapping.directives.replacing import PATTERN_MAX, REPLACEMENT_MAX
from streams.mapping.errors import Mistake
from streams.mapping.rules import (
    Rule,
    Spot,
    a_boolean,
    a_string,
    an_array,
    one_of,
    sized,
    sort_of,
)
from streams.mapping.values import Json, an


def validate(node: Json, spot: Spot = Spot()) -> Iterator[Mistake]:  # noqa: B008 - a Spot never changes
    """Yield what is wrong with a node and everything under it."""
    sort = sort_of(node)
    if sort == "directive":
        yield from _directive(node, spot)
    elif sort == "object":
        yield from _object(node, spot)


def _directive(node: Mapping[str, object], spot: Spot) -> Iterator[Mistake]:
    names = [key for key in node if key.startswith("@")]
    others = [key for key in node if not key.startswith("@") and key != "_metadata"]
    count = len(node) if others and len(names) == 1 else len(names)
    if len(names) > 1 or others:
        text = f"should only have one @-prefixed key but it has {count} keys"
        yield spot.mistake(text)
    elif names[0] not in _RULES:
        yield spot.mistake(f"has an invalid directive: {names[0]}")
    else:
        yield from _RULES[names[0]](node[names[0]], spot / names[0])


def _object(node: Json, spot: Spot) -> Iterator[Mistake]:
    sort = sort_of(node)
    if sort != "object":
        yield spot.mistake(f"should be an object but it is {an(sort)}")
        return
    for key, held in node.items():
        yield from validate(held, spot / key)


def _anything(node: Json, spot: Spot) -> Iterator[Mistake]:
    if sort_of(node) == "directive":
        yield from _directive(node, spot)


def _string_or_directive(node: Json, spot: Spot) -> Iterator[Mistake]:
    sort = sort_of(node)
    if sort == "directive":
        yield from _directive(node, spot)
    elif sort != "string":
        text = f"should be a string or a mapping directive but it is {an(sort)}"
        yield spot.mistake(text)


def _object_or_directive(node: Json, spot: Spot) -> Iterator[Mistake]:
    sort = sort_of(node)
    if sort in {"directive", "object"}:
        yield from validate(node, spot)
    else:
        text = f"should be a object or a mapping directive but it is {an(sort)}"
        yield spot.mistake(text)


class _Field(NamedTuple):
    rule: Rule
    required: bool


def _must(rule: Rule) -> _Field:
    return _Field(rule, required=True)


def _may(rule: Rule) -> _Field:
    return _Field(rule, required=False)


def _with(**fields: _Field) -> Rule:
    """Demand an object with some fields; it may have others."""

    def rule(node: Json, spot: Spot) -> Iterator[Mistake]:
        yield from _object(node, spot)
        if sort_of(node) != "object":
            return
        for name, field in fields.items():
            if name in node:
                yield from field.rule(node[name], spot / name)
            elif field.required:
                yield spot.mistake(f'should have field "{name}" but it doesn\'t')

    return rule


def _array_path(node: Json, spot: Spot) -> Iterator[Mistake]:
    yield from an_array(node, spot)
    if not isinstance(node, list):
        return
    if not node:
        text = "should be a string or a mapping directive but it is an undefined"
        yield spot.mistake(text)
    for root in node[:1]:
        yield from _string_or_directive(root, spot._replace(at=f"{spot.at}/0"))
    for shape in node[1:2]:
        yield from validate(shape, spot._replace(at=f"{spot.at}/1"))


_MERGE: Final = _with(direction=_may(one_of("left", "right")), objects=_must(an_array))


def _merge(node: Json, spot: Spot) -> Iterator[Mistake]:
    yield from _MERGE(node, spot)
    objects = node.get("objects") if isinstance(node, dict) else None
    if not isinstance(objects, list):
        return
    for index, held in enumerate(objects):
        here = spot / "objects" / index
        yield from _object_or_directive(held, here._replace(shown=""))


_PATTERN: Final = sized(least=1, most=PATTERN_MAX)
_REPLACEMENT: Final = sized(least=0, most=REPLACEMENT_MAX)

_RULES: Final[dict[str, Rule]] = {
    "@arrayPath": _array_path,
    "@case": _with(operator=_may(a_string), value=_may(_string_or_directive)),
    "@excludeWhenNull": _anything,
    "@flatten": _with(separator=_may(a_string), value=_must(_anything)),
    "@if": _with(
        exists=_may(_anything), then=_may(_anything), **{"else": _may(_anything)}
    ),
    "@json": _with(value=_must(_anything), mode=_must(one_of("encode", "decode"))),
    "@liquid": a_string,
    "@literal": _anything,
    "@merge": _merge,
    "@path": _string_or_directive,
    "@replace": _with(
        pattern=_must(_PATTERN),
        replacement=_may(_REPLACEMENT),
        value=_must(_string_or_directive),
        ignorecase=_may(a_boolean),
        **{"global": _may(a_boolean)},
    ),
    "@template": _string_or_directive,
    "@transform": _with(
        apply=_must(_object_or_directive), mapping=_must(_object_or_directive)
    ),
}
"""What each directive's options must be."""
