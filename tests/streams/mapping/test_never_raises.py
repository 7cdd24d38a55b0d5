"""A valid mapping gives a serialisable value for any event."""

import math
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.mapping import UNDEFINED, MappingError, Unmappable, compile_mapping
from streams.mapping.values import DEPTH_MAX, Json

_KEYS = st.sampled_from(["a", "b", "length", "0", "constructor", "name", "x y"])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "now", "2025-03-01", "{{a}}", "1e999", "[1]", "99999999999"])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4)
    ),
    max_leaves=12,
)
_PATHS = st.lists(_KEYS, max_size=3).map(lambda keys: f"$.{'.'.join(keys)}")
_FILTERS = st.sampled_from(
    [
        "plus: b",
        "divided_by: b",
        "modulo: b",
        "round: b",
        "times: b",
        "date: b",
        'date: "%c %Z %j %U", b',
        "join: b",
        "slice: b, a",
        "split: b",
        "replace: a, b",
        "truncate: b",
        "truncatewords: b",
        "where: b, a",
        "sum: b",
        "json",
        "url_decode",
        "base64_decode",
        "slugify: b",
        "default: b",
        "date_to_string",
        "first",
        "size",
        "sample: b",
        "replace_last: b, a",
        "to_integer",
        "strip_html",
        "number_of_words: b",
    ]
)
_LIQUIDS = st.lists(_FILTERS, max_size=3).map(
    lambda used: (
        f"{{{{ {' | '.join(['a', *used])} }}}}"
        "{% if a < b or a contains b %}{{ b[a] }}{% endif %}{{ a.size }}"
    )
)


def _directives(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    part = inner | _JSON
    modes = st.sampled_from(["encode", "decode"])
    return st.one_of(
        st.fixed_dictionaries({"@path": _PATHS | inner}),
        st.fixed_dictionaries(
            {"@template": _PATHS.map(lambda path: f"x{{{{{path[2:]}}}}}")}
        ),
        st.fixed_dictionaries({"@liquid": _LIQUIDS}),
        st.fixed_dictionaries({"@literal": part}),
        st.fixed_dictionaries({"@excludeWhenNull": part}),
        st.fixed_dictionaries({"@arrayPath": st.tuples(_PATHS, part).map(list)}),
        st.fixed_dictionaries(
            {"@if": st.fixed_dictionaries({"exists": part, "then": part, "else": part})}
        ),
        st.fixed_dictionaries(
            {"@json": st.fixed_dictionaries({"mode": modes, "value": part})}
        ),
        st.fixed_dictionaries(
            {
                "@flatten": st.fixed_dictionaries(
                    {"separator": st.just("."), "value": part}
                )
            }
        ),
        st.fixed_dictionaries(
            {
                "@replace": st.fixed_dictionaries(
                    {"pattern": st.just("a"), "value": inner}
                )
            }
        ),
        st.fixed_dictionaries(
            {
                "@merge": st.fixed_dictionaries(
                    {
                        "direction": st.just("left"),
                        "objects": st.lists(inner, max_size=3),
                    }
                )
            }
        ),
        st.fixed_dictionaries(
            {"@transform": st.fixed_dictionaries({"apply": inner, "mapping": inner})}
        ),
        st.dictionaries(_KEYS, part, max_size=3),
    )


_MAPPINGS = st.recursive(
    st.fixed_dictionaries({"@path": _PATHS}), _directives, max_leaves=6
)


@settings(max_examples=300)
@given(mapping=_MAPPINGS, event=st.dictionaries(_KEYS, _JSON, max_size=5))
def test_any_event_into_any_sound_mapping_never_raises(
    mapping: Json, event: dict[str, Json]
) -> None:
    """Mapping an event never raises, and leaves the event unchanged."""
    before = orjson.dumps(event)
    try:
        compiled = compile_mapping(mapping)
    except MappingError:
        return

    value = compiled(event)

    if not isinstance(value, Unmappable) and value is not UNDEFINED:
        assert b"Undefined" not in orjson.dumps(value, default=repr)
    assert orjson.dumps(event) == before


@given(mapping=_JSON)
def test_any_json_is_a_mapping_or_is_refused(mapping: Json) -> None:
    """The compiler raises no error except MappingError."""
    with suppress(MappingError):
        assert not isinstance(compile_mapping(mapping)({"a": 1}), Exception)


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_read_back_is_the_number(number: float) -> None:
    """Text and JSON preserve a number."""
    text = compile_mapping({"@json": {"mode": "encode", "value": {"@path": "n"}}})
    back = compile_mapping({"@json": {"mode": "decode", "value": {"@path": "t"}}})

    assert math.isclose(back({"t": text({"n": number})}), number, rel_tol=0, abs_tol=0)


_DEEP_MAPPINGS = [
    pytest.param(
        {"@flatten": {"value": {"@path": "$.d"}, "separator": "."}}, id="flatten"
    ),
    pytest.param({"@json": {"mode": "encode", "value": {"@path": ""}}}, id="encode"),
    pytest.param({"@json": {"mode": "decode", "value": {"@path": "$.t"}}}, id="decode"),
    pytest.param({"@excludeWhenNull": {"@path": ""}}, id="exclude"),
    pytest.param({"@template": "{{l}}"}, id="template"),
    pytest.param({"@if": {"blank": {"@path": "l"}, "then": 1, "else": 2}}, id="blank"),
    pytest.param(
        {"@liquid": "{{ l }}{{ l | join }}{% if l == m %}{% endif %}{{ d | json }}"},
        id="liquid",
    ),
]


@pytest.mark.parametrize("mapping", _DEEP_MAPPINGS)
def test_an_event_nested_beyond_all_bounds_is_mapped(mapping: Json) -> None:
    """Values too deep for serialisation are treated as leaves."""
    event: dict[str, Json] = {"l": [], "m": [], "d": {}}
    for _ in range(DEPTH_MAX * 40):
        event["l"], event["m"] = [event["l"]], [event["m"]]
        event["d"] = {"d": event["d"]}
    event["t"] = "[" * DEPTH_MAX * 40

    value = compile_mapping(mapping)(event)

    assert not isinstance(value, Unmappable)
