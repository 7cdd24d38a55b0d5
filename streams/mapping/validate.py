"""Validation of a whole mapping: every problem, in Segment's words.

As in Segment's kit, the elements of arrays and the inside of `@literal` and
`@excludeWhenNull` are not validated here; the compiler reports their problems.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple

from streams.mapping.directives.replacing import PATTERN_MAX, REPLACEMENT_MAX
from streams.mapping.errors import MappingProblem
from streams.mapping.values import Json, has_directive_key, kind_of, with_article


class ValueLocation(NamedTuple):
    """Location of a value in the mapping.

    Args:
        at: Path of the value; "" is the root.
        shown: Path as Segment shows it: short within `@merge`.
    """

    at: str = ""
    shown: str = ""

    def __truediv__(self, key: object) -> "ValueLocation":
        return ValueLocation(f"{self.at}/{key}", f"{self.shown}/{key}")

    def problem(self, text: str) -> MappingProblem:
        """Return a problem at this location."""
        return MappingProblem(at=self.at or "/", wording=f"{self.shown or '/'} {text}.")


_ROOT: Final = ValueLocation()

Rule = Callable[[Any, ValueLocation], Iterator[MappingProblem]]
"""Check a value at a location, and yield the problems."""


def directive_or_kind(value: object) -> str:
    """Return the type of a value, or `directive` for an object with a directive key."""
    return "directive" if has_directive_key(value) else kind_of(value)


def check_string(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """Check that a value is a string, not a directive that results in a string."""
    if not isinstance(value, str):
        yield location.problem(
            f"should be a string but it is {with_article(directive_or_kind(value))}"
        )


def check_boolean(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """Check that a value is `true` or `false`."""
    if not isinstance(value, bool):
        yield location.problem(
            f"should be a boolean but it is {with_article(directive_or_kind(value))}"
        )


def check_array(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
    """Check that a value is an array, with any items."""
    if not isinstance(value, list):
        yield location.problem(
            f"should be an array but it is {with_article(kind_of(value))}"
        )


def check_length(*, minimum: int, maximum: int) -> Rule:
    """Return a rule for a string of limited length."""

    def rule(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
        yield from check_string(value, location)
        if isinstance(value, str) and len(value) < minimum:
            yield location.problem(f"should be a string of length {minimum} or greater")
        if isinstance(value, str) and len(value) > maximum:
            yield location.problem(f"should be a string of length {maximum} or less")

    return rule


def check_choice(*allowed: str) -> Rule:
    """Return a rule for a choice among several strings, in any case."""

    def rule(value: object, location: ValueLocation) -> Iterator[MappingProblem]:
        yield from check_string(value, location)
        if isinstance(value, str) and value.lower() not in allowed:
            text = json.dumps(value, ensure_ascii=False)
            names = ", ".join(allowed)
            yield location.problem(f"should be one of {names} but it is {text}")

    return rule


def validate(node: Json, location: ValueLocation = _ROOT) -> Iterator[MappingProblem]:
    """Yield the problems of a node and of all nodes below."""
    kind = directive_or_kind(node)
    if kind == "directive":
        yield from _validate_directive(node, location)
    elif kind == "object":
        yield from _validate_object(node, location)


def _validate_directive(
    node: Mapping[str, object], location: ValueLocation
) -> Iterator[MappingProblem]:
    names = [key for key in node if key.startswith("@")]
    other_keys = [key for key in node if not key.startswith("@") and key != "_metadata"]
    count = len(node) if other_keys and len(names) == 1 else len(names)
    if len(names) > 1 or other_keys:
        text = f"should only have one @-prefixed key but it has {count} keys"
        yield location.problem(text)
    elif names[0] not in _RULES:
        yield location.problem(f"has an invalid directive: {names[0]}")
    else:
        yield from _RULES[names[0]](node[names[0]], location / names[0])


def _validate_object(node: Json, location: ValueLocation) -> Iterator[MappingProblem]:
    kind = directive_or_kind(node)
    if kind != "object":
        yield location.problem(f"should be an object but it is {with_article(kind)}")
        return
    for key, value in node.items():
        yield from validate(value, location / key)


def _validate_directives(
    node: Json, location: ValueLocation
) -> Iterator[MappingProblem]:
    if directive_or_kind(node) == "directive":
        yield from _validate_directive(node, location)


def _string_or_directive(
    node: Json, location: ValueLocation
) -> Iterator[MappingProblem]:
    kind = directive_or_kind(node)
    if kind == "directive":
        yield from _validate_directive(node, location)
    elif kind != "string":
        text = (
            f"should be a string or a mapping directive but it is {with_article(kind)}"
        )
        yield location.problem(text)


def _object_or_directive(
    node: Json, location: ValueLocation
) -> Iterator[MappingProblem]:
    kind = directive_or_kind(node)
    if kind in {"directive", "object"}:
        yield from validate(node, location)
    else:
        text = (
            f"should be a object or a mapping directive but it is {with_article(kind)}"
        )
        yield location.problem(text)


_OF_DIRECTIVES: Final = (
    _validate_directives,
    _string_or_directive,
    _object_or_directive,
)
"""Rules that find in a directive what `validate` finds in it."""


class _FieldRule(NamedTuple):
    rule: Rule
    required: bool


def _required(rule: Rule) -> _FieldRule:
    return _FieldRule(rule, required=True)


def _optional(rule: Rule) -> _FieldRule:
    return _FieldRule(rule, required=False)


def _object_with(**fields: _FieldRule) -> Rule:
    """Return a rule for an object with some fields; other fields are allowed.

    As Segment does, it reports the problems of a directive twice: as those of a value
    and of its field. They are found once, or the work would double with each level.
    """

    def rule(node: Json, location: ValueLocation) -> Iterator[MappingProblem]:
        if directive_or_kind(node) != "object":
            yield from _validate_object(node, location)
            return
        found = {
            key: [*dict.fromkeys(validate(node[key], location / key))] for key in node
        }
        yield from chain.from_iterable(found.values())
        for name, field in fields.items():
            if name in node:
                is_directive = directive_or_kind(node[name]) == "directive"
                is_found = is_directive and field.rule in _OF_DIRECTIVES
                again = (
                    found[name] if is_found else field.rule(node[name], location / name)
                )
                yield from again
            elif field.required:
                yield location.problem(f'should have field "{name}" but it doesn\'t')

    return rule


def _array_path(node: Json, location: ValueLocation) -> Iterator[MappingProblem]:
    yield from check_array(node, location)
    if not isinstance(node, list):
        return
    if not node:
        text = "should be a string or a mapping directive but it is an undefined"
        yield location.problem(text)
    for root in node[:1]:
        yield from _string_or_directive(root, location._replace(at=f"{location.at}/0"))
    for shape in node[1:2]:
        yield from validate(shape, location._replace(at=f"{location.at}/1"))


_MERGE: Final = _object_with(
    direction=_optional(check_choice("left", "right")), objects=_required(check_array)
)


def _merge(node: Json, location: ValueLocation) -> Iterator[MappingProblem]:
    yield from _MERGE(node, location)
    objects = node.get("objects") if isinstance(node, dict) else None
    if not isinstance(objects, list):
        return
    for index, item in enumerate(objects):
        item_location = location / "objects" / index
        yield from _object_or_directive(item, item_location._replace(shown=""))


_PATTERN: Final = check_length(minimum=1, maximum=PATTERN_MAX)
_REPLACEMENT: Final = check_length(minimum=0, maximum=REPLACEMENT_MAX)

_RULES: Final[dict[str, Rule]] = {
    "@arrayPath": _array_path,
    "@case": _object_with(
        operator=_optional(check_string), value=_optional(_string_or_directive)
    ),
    "@excludeWhenNull": _validate_directives,
    "@flatten": _object_with(
        separator=_optional(check_string), value=_required(_validate_directives)
    ),
    "@if": _object_with(
        exists=_optional(_validate_directives),
        then=_optional(_validate_directives),
        **{"else": _optional(_validate_directives)},
    ),
    "@json": _object_with(
        value=_required(_validate_directives),
        mode=_required(check_choice("encode", "decode")),
    ),
    "@liquid": check_string,
    "@literal": _validate_directives,
    "@merge": _merge,
    "@path": _string_or_directive,
    "@replace": _object_with(
        pattern=_required(_PATTERN),
        replacement=_optional(_REPLACEMENT),
        value=_required(_string_or_directive),
        ignorecase=_optional(check_boolean),
        **{"global": _optional(check_boolean)},
    ),
    "@template": _string_or_directive,
    "@transform": _object_with(
        apply=_required(_object_or_directive), mapping=_required(_object_or_directive)
    ),
}
"""Rule for the options of each directive."""
