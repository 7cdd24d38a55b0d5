"""Each directive separately: the value for an event."""

import pytest

from streams.mapping import UNDEFINED, Unmappable, compile_mapping
from streams.mapping.values import Json

_EVENT: dict[str, Json] = {
    "a": 1,
    "b": "Two",
    "none": None,
    "no": False,
    "zero": 0,
    "empty": "",
    "list": [1, None, {"k": "v"}],
    "deep": {"x": {"y": None, "z": 1}, "w": []},
    "items": [{"id": "p", "n": 1}, {"id": "q"}],
    "json": '{"q": [1, 2.0]}',
    "price": 12.5,
    "ten": 10.0,
}


def _path(path: str) -> dict[str, Json]:
    return {"@path": path}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"exists": _path("$.a"), "then": 1, "else": 2}, 1, id="there"),
        pytest.param({"exists": _path("$.none"), "then": 1, "else": 2}, 2, id="null"),
        pytest.param({"exists": _path("$.x"), "then": 1, "else": 2}, 2, id="absent"),
        pytest.param({"exists": _path("$.no"), "then": 1, "else": 2}, 1, id="false"),
        pytest.param({"exists": _path("$.x"), "then": 1}, UNDEFINED, id="no-else"),
        pytest.param({"exists": _path("$.a"), "else": 1}, UNDEFINED, id="no-then"),
        pytest.param({"exists": _path("$.a"), "then": None}, None, id="then-null"),
        pytest.param({"exists": 1, "then": True}, True, id="exists-equals-then"),
        pytest.param({"blank": 1, "then": True}, True, id="blank-equals-then"),
        pytest.param({"blank": _path("$.empty"), "then": 1, "else": 2}, 2, id="blank"),
        pytest.param({"blank": _path("$.zero"), "then": 1, "else": 2}, 2, id="b-zero"),
        pytest.param({"blank": _path("$.deep"), "then": 1, "else": 2}, 1, id="b-full"),
        pytest.param({"blank": _path("$.deep.w"), "then": 1, "else": 2}, 2, id="b-[]"),
        pytest.param(
            {"exists": _path("$.x"), "blank": _path("$.a"), "then": 1, "else": 2},
            2,
            id="exists-goes-before-blank",
        ),
    ],
)
def test_if_takes_then_or_else(options: dict[str, Json], expected: object) -> None:
    """`exists` needs a value, `blank` a value that is not blank."""
    value = compile_mapping({"@if": options})(_EVENT)

    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param({"@if": {"exists": 0, "then": 1, "else": 2}}, 1, id="exists-0"),
        pytest.param({"@if": {"exists": "", "then": 1}}, 1, id="exists-empty"),
        pytest.param({"@if": {"exists": False, "then": 1}}, 1, id="exists-false"),
        pytest.param({"@if": {"exists": _path("$.x"), "else": 0}}, 0, id="else-0"),
        pytest.param({"@if": {"exists": _path("$.x"), "else": ""}}, "", id="else-text"),
        pytest.param({"@json": {"mode": "encode", "value": 0}}, "0", id="json-0"),
        pytest.param({"@json": {"mode": "decode", "value": ""}}, "", id="json-text"),
        pytest.param(
            {"@if": {"exists": _path("$.x"), "else": False}}, False, id="else-false"
        ),
        pytest.param(
            {"@json": {"mode": "encode", "value": False}}, "false", id="json-false"
        ),
        pytest.param({"@replace": {"pattern": "x", "value": ""}}, "", id="replace"),
    ],
)
def test_defect_36_falsy_literals_are_values(mapping: Json, expected: object) -> None:
    """The literals 0, false and "" are kept by `@if`, `@json` and `@replace`."""
    value = compile_mapping({"o": mapping})(_EVENT)

    assert value == {"o": expected}
    assert type(value["o"]) is type(expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"operator": "lower", "value": _path("$.b")}, "two", id="lower"),
        pytest.param({"operator": "upper", "value": "straße"}, "STRASSE", id="upper"),
        pytest.param({"operator": "upper", "value": _path("$.a")}, 1, id="number"),
        pytest.param({"operator": "upper", "value": _path("$.none")}, None, id="null"),
        pytest.param({"operator": "upper"}, UNDEFINED, id="no-value"),
    ],
)
def test_case_changes_text_only(options: dict[str, Json], expected: object) -> None:
    """Values that are not text are unchanged."""
    assert compile_mapping({"@case": options})(_EVENT) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            {"pattern": "o", "replacement": "0", "value": "foo"}, "f00", id="all"
        ),
        pytest.param(
            {"pattern": "o", "replacement": "0", "value": "foo", "global": False},
            "f0o",
            id="first",
        ),
        pytest.param(
            {"pattern": "O", "replacement": "0", "value": "foo", "ignorecase": True},
            "f00",
            id="any-case",
        ),
        pytest.param({"pattern": "o", "value": "foo"}, "f", id="no-replacement"),
        pytest.param({"pattern": ".", "value": _path("$.price")}, "125", id="number"),
        pytest.param({"pattern": "0", "value": _path("$.ten")}, "1", id="whole-float"),
        pytest.param({"pattern": "f", "value": _path("$.no")}, "alse", id="boolean"),
        pytest.param({"pattern": "o", "value": _path("$.none")}, "", id="null"),
        pytest.param({"pattern": "o", "value": _path("$.x")}, "", id="absent"),
        pytest.param({"pattern": "o", "value": _path("$.deep")}, "", id="object"),
        pytest.param(
            {"pattern": "b", "replacement": "[$&$$$`$']", "value": "abc"},
            "a[b$ac]c",
            id="special-replacement",
        ),
        pytest.param(
            {"pattern": "a", "replacement": "b", "pattern2": "b", "value": "ab"},
            "",
            id="the-second-works-on-the-first",
        ),
    ],
)
def test_replace_makes_text(options: dict[str, Json], expected: str) -> None:
    """Patterns are literal; `$&` and similar references are not."""
    assert compile_mapping({"@replace": options})(_EVENT) == expected


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param({"@literal": {"a": _path("$.a")}}, {"a": 1}, id="literal"),
        pytest.param({"@literal": None}, None, id="literal-null"),
        pytest.param({"@path": _path("$.b")}, UNDEFINED, id="path-of-a-path"),
        pytest.param({"@arrayPath": ["$.items"]}, _EVENT["items"], id="no-shape"),
        pytest.param(
            {"@arrayPath": ["$.items", {"i": _path("$.id"), "n": _path("$.n")}]},
            [{"i": "p", "n": 1}, {"i": "q"}],
            id="shape",
        ),
        pytest.param(
            {"@arrayPath": ["$.items", _path("$.n")]}, [1, None], id="shape-directive"
        ),
        pytest.param(
            {"@arrayPath": ["$.deep.x", {"i": _path("$.z")}]}, [{"i": 1}], id="object"
        ),
        pytest.param({"@arrayPath": ["$.b", {"i": 1}]}, "Two", id="no-array"),
        pytest.param(
            {"@json": {"mode": "encode", "value": _path("$.items")}},
            '[{"id":"p","n":1},{"id":"q"}]',
            id="encode",
        ),
        pytest.param(
            {"@json": {"mode": "encode", "value": _path("$.ten")}}, "10", id="encode-10"
        ),
        pytest.param(
            {"@json": {"mode": "encode", "value": _path("$.x")}},
            UNDEFINED,
            id="encode-nothing",
        ),
        pytest.param(
            {"@json": {"mode": "decode", "value": _path("$.json")}},
            {"q": [1, 2.0]},
            id="decode",
        ),
        pytest.param(
            {"@json": {"mode": "decode", "value": "[NaN]"}}, "[NaN]", id="decode-nan"
        ),
        pytest.param(
            {"@json": {"mode": "decode", "value": "12345678901234567890"}},
            12345678901234567000,
            id="decode-a-number-no-double-holds",
        ),
        pytest.param(
            {"@flatten": {"value": _path("$.deep"), "separator": "."}},
            {"x.y": None, "x.z": 1},
            id="flatten-drops-empty-branches",
        ),
        pytest.param(
            {"@flatten": {"value": _path("$.list"), "separator": "-"}},
            {"0": 1, "1": None, "2-k": "v"},
            id="flatten-array",
        ),
        pytest.param(
            {
                "@flatten": {
                    "value": {"l": _path("$.list")},
                    "separator": "-",
                    "omitArrays": True,
                }
            },
            {"l": _EVENT["list"]},
            id="flatten-omits-arrays",
        ),
        pytest.param(
            {"@excludeWhenNull": _path("$.deep")},
            {"x": {"z": 1}, "w": []},
            id="exclude-deep",
        ),
        pytest.param(
            {"@flatten": {"value": [_path("$.x"), {"a": 1}], "separator": "."}},
            {"1.a": 1},
            id="flatten-of-nothing",
        ),
        pytest.param({"@excludeWhenNull": _path("$.none")}, UNDEFINED, id="exclude"),
        pytest.param(
            {"@transform": {"apply": {"n": _path("$.a")}, "mapping": _path("$.n")}},
            1,
            id="transform",
        ),
        pytest.param(
            {
                "__segment_internal_directive": {
                    "@transform": {"apply": {"n": _path("$.a")}}
                },
                "m": _path("$.n"),
            },
            {"m": 1},
            id="stored-root-directive",
        ),
        pytest.param([_path("$.a")], {"0": 1}, id="array-at-the-root"),
        pytest.param(
            {"l": [_path("$.x"), 1]}, {"l": [None, 1]}, id="array-keeps-place"
        ),
        pytest.param(
            {"x": _path("$.x"), "n": None}, {"n": None}, id="undefined-removed"
        ),
    ],
)
def test_a_directive_makes_its_value(mapping: Json, expected: object) -> None:
    """Each row shows one behaviour."""
    assert compile_mapping(mapping)(_EVENT) == expected


@pytest.mark.parametrize(
    ("direction", "objects", "expected"),
    [
        pytest.param(
            "right", [{"a": 1, "b": 1}, {"b": 2}], {"a": 1, "b": 2}, id="right"
        ),
        pytest.param("left", [{"a": 1, "b": 1}, {"b": 2}], {"a": 1, "b": 1}, id="left"),
        pytest.param("right", [{"a": 1}, {"a": _path("$.x")}], {}, id="nothing-wins"),
        pytest.param("right", [_path("$.none"), {"a": 1}], {"a": 1}, id="null-source"),
        pytest.param(
            "right", [_path("$.b")], {"0": "T", "1": "w", "2": "o"}, id="text"
        ),
    ],
)
def test_merge_joins_objects(
    direction: str, objects: list[Json], expected: Json
) -> None:
    """The direction decides which object wins."""
    mapping = {"@merge": {"direction": direction, "objects": objects}}

    assert compile_mapping(mapping)(_EVENT) == expected


@pytest.mark.parametrize(
    ("mapping", "event", "reason"),
    [
        pytest.param({"a": 1}, 123, "data must be an object, got number", id="number"),
        pytest.param({"a": 1}, [], "data must be an object, got array", id="array"),
        pytest.param({"a": 1}, None, "data must be an object, got null", id="null"),
        pytest.param(
            {"@path": _path("$.a")},
            _EVENT,
            "@path: expected string, got number",
            id="path-no-text",
        ),
        pytest.param(
            {"@template": _path("$.x")},
            _EVENT,
            "@template: expected string, got undefined",
            id="template-no-text",
        ),
    ],
)
def test_an_event_that_cannot_be_mapped_is_a_value(
    mapping: Json, event: Json, reason: str
) -> None:
    """A compiled mapping returns `Unmappable` instead of raising."""
    assert compile_mapping(mapping)(event) == Unmappable(reason=reason)


def test_mapping_changes_neither_event_nor_mapping() -> None:
    """Event and mapping can be used again."""
    mapping = {"@replace": {"pattern": "x", "value": _path("$.b")}}
    event = {"c": 1}
    liquid = compile_mapping({"@liquid": "{% increment c %}"})

    assert [compile_mapping(mapping)({"b": "x"}), liquid(event)] == ["", "1"]
    assert mapping == {"@replace": {"pattern": "x", "value": _path("$.b")}}
    assert event == {"c": 1}
