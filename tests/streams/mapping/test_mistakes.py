"""Problems of mappings: paths and wording of the errors."""

import pytest

from streams.errors import ConfigError
from streams.mapping import MappingError, compile_mapping
from streams.mapping.validate import validate
from streams.mapping.values import Json

_IF = '@if requires an "exists" key or a "blank" key'
_CASE = 'operator key should have a value of "lower" or "upper"'


def _deep(levels: int) -> Json:
    node: Json = 1
    for _ in range(levels):
        node = {"a": node}
    return node


@pytest.mark.parametrize(
    ("mapping", "mistakes"),
    [
        pytest.param(
            {"a": {"@nope": 1}}, ["/a has an invalid directive: @nope."], id="unknown"
        ),
        pytest.param(
            {"@path": "a", "b": 1},
            ["/ should only have one @-prefixed key but it has 2 keys."],
            id="mixed",
        ),
        pytest.param(
            {"a": {"@path": {}}, "b": {"@template": 5}},
            [
                (
                    "/a/@path should be a string or a mapping directive but it is"
                    " an object."
                ),
                (
                    "/b/@template should be a string or a mapping directive but it is a"
                    " number."
                ),
            ],
            id="all-at-once",
        ),
        pytest.param(
            {"a": {"@if": {"then": 1}}, "b": {"@replace": {"pattern": ""}}},
            [
                "/b/@replace/pattern should be a string of length 1 or greater.",
                '/b/@replace should have field "value" but it doesn\'t.',
                f"/a/@if: {_IF}",
            ],
            id="of-both-passes",
        ),
        pytest.param(
            {"@if": {"exists": None, "then": 1}}, [f"/@if: {_IF}"], id="exists-null"
        ),
        pytest.param(
            {"@if": "x"}, ["/@if should be an object but it is a string."], id="if-text"
        ),
        pytest.param(
            {"@case": {"operator": "title", "value": "x"}},
            [f"/@case/operator: {_CASE}"],
            id="case",
        ),
        pytest.param(
            {"@case": {"value": "x"}},
            ['/@case: @case requires a "operator" key'],
            id="case-bare",
        ),
        pytest.param(
            {"@replace": {"pattern": "a", "pattern2": "b" * 11, "value": "c"}},
            [
                (
                    "/@replace/pattern2: "
                    '@replace requires a "pattern" less than 10 characters'
                )
            ],
            id="second-pattern",
        ),
        pytest.param(
            {"@replace": {"pattern": "a", "global": 1, "value": "c"}},
            ["/@replace/global should be a boolean but it is a number."],
            id="global",
        ),
        pytest.param(
            {"@merge": {"direction": "right", "objects": [{}, 1, {"a": {"@x": 1}}]}},
            [
                (
                    "/@merge/objects/1: / should be a object or a mapping directive but"
                    " it is a number."
                ),
                "/@merge/objects/2/a: /a has an invalid directive: @x.",
            ],
            id="merge",
        ),
        pytest.param(
            {"@merge": {"objects": []}},
            ['/@merge: @merge requires a "direction" key'],
            id="merge-direction",
        ),
        pytest.param(
            {"@json": {"mode": "x", "value": 1}},
            ['/@json/mode should be one of encode, decode but it is "x".'],
            id="json",
        ),
        pytest.param(
            {"@flatten": {"value": {}}},
            ['/@flatten: @flatten requires a "separator" key'],
            id="flatten",
        ),
        pytest.param(
            {"@arrayPath": []},
            [
                (
                    "/@arrayPath should be a string or a mapping directive but it is an"
                    " undefined."
                )
            ],
            id="array",
        ),
        pytest.param(
            {"@arrayPath": ["a", {"b": {"@nope": 1}}]},
            ["/@arrayPath/1/b: /@arrayPath/b has an invalid directive: @nope."],
            id="in-a-shape",
        ),
        pytest.param(
            {"a": [{"@nope": 1}]},
            ["/a/0: @nope is not a valid directive, got undefined"],
            id="in-an-array",
        ),
        pytest.param(
            {"a": [{"@path": 1}, {"@if": 1}, {"@case": 1}, {"@replace": {}}]},
            [
                "/a/0/@path: @path: expected string, got number",
                '/a/1/@if: @if requires an object with an "exists" key',
                '/a/2/@case: @case requires an object with a "operator" key',
                '/a/3/@replace: @replace requires a "pattern" key',
            ],
            id="the-rest-in-an-array",
        ),
        pytest.param(
            {"@literal": [{"@json": {}}, {"@flatten": 1}, {"@merge": {}}]},
            [
                '/@literal/0/@json: @json requires a "mode" key',
                (
                    "/@literal/1/@flatten: "
                    '@flatten requires an object with a "separator" key'
                ),
                '/@literal/2/@merge: @merge requires a "direction" key',
            ],
            id="in-a-literal",
        ),
        pytest.param(
            [[{"@json": {"mode": "encode"}}, {"@transform": {"apply": 1}}]],
            [
                '/0/0/@json: @json requires a "value" key',
                '/0/1/@transform: @transform requires a "mapping" key',
            ],
            id="nested-arrays",
        ),
        pytest.param(
            {"__segment_internal_directive": {"@transform": {}, "x": {}}},
            [
                (
                    "/__segment_internal_directive: "
                    "The root mapping must only have a single directive object"
                )
            ],
            id="two-root-directives",
        ),
        pytest.param(
            {"__segment_internal_directive": {}},
            ["/__segment_internal_directive: The root directive must be an object"],
            id="no-root-directive",
        ),
        pytest.param(_deep(5000), ["/: is nested too deeply"], id="too-deep"),
    ],
)
def test_a_mistake_is_named_with_its_path(mapping: Json, mistakes: list[str]) -> None:
    """All problems are reported at once, each with a path."""
    with pytest.raises(MappingError) as refused:
        compile_mapping(mapping)

    assert list(refused.value.problems) == mistakes
    assert isinstance(refused.value, ConfigError)


def test_the_wording_is_segments_own() -> None:
    """The wording is one line, without the paths that Segment does not show."""
    with pytest.raises(MappingError) as refused:
        compile_mapping({"a": {"@if": {}}, "b": [{"@nope": 1}]})

    wording = f"{_IF}; @nope is not a valid directive, got undefined"
    assert refused.value.wording == wording


def test_a_problem_deep_inside_is_found_once_a_level() -> None:
    """The work does not double with each level of nested conditions."""
    node: Json = {"@path": 7}
    lookup = {"@path": "$.a"}
    for _ in range(16):
        node = {"@if": {"exists": lookup, "then": lookup, "else": node}}

    problems = list(validate(node))

    assert len(problems) == 2
    assert len(set(problems)) == 1
