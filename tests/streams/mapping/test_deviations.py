"""Behaviour of Segment's mapping kit that is deliberately not copied."""

import pytest

from streams.mapping import MappingError, compile_mapping
from streams.mapping.values import Json

PATH: Json = {"@path": "$.t"}


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param(
            {"@merge": {"direction": "right", "objects": [PATH]}},
            {"0": "a", "1": "🎉", "2": "b"},
            id="merge",
        ),
        pytest.param({"@liquid": "{{ t | slice: 1, 2 }}"}, "🎉b", id="slice"),
        pytest.param({"@path": "$.t[1]"}, "\ufffd", id="half-a-letter"),
        pytest.param(
            {
                "@json": {
                    "mode": "decode",
                    "value": r'{"a": ["\ud83c", "\ud83c\udf89"]}',
                }
            },
            {"a": ["\ufffd", "🎉"]},
            id="json",
        ),
    ],
)
def test_no_half_of_a_letter_leaves_a_mapping(mapping: Json, expected: object) -> None:
    """Half a surrogate pair is not valid UTF-8, which Klaviyo requires."""
    assert compile_mapping(mapping)({"t": "a🎉b"}) == expected


def test_a_replay_takes_the_same_sample() -> None:
    """The first items are taken; random items would change payload and event id."""
    mapping = compile_mapping({"@liquid": "{{ l | sample }}{{ l | sample: 2 }}"})

    assert {mapping({"l": ["a", "b", "c"]}) for _ in range(20)} == {"aab"}


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param({"@case": {"operator": "title", "value": "x"}}, id="case"),
        pytest.param({"@if": {"then": 1}}, id="if"),
        pytest.param({"@flatten": {"value": {}}}, id="flatten"),
        pytest.param({"a": [{"@nope": 1}]}, id="in-an-array"),
        pytest.param({"@liquid": "{% for i in a %}{% endfor %}"}, id="liquid"),
    ],
)
def test_what_can_never_be_mapped_is_refused_at_start(mapping: Json) -> None:
    """Segment accepts such mappings, and then fails on each event."""
    with pytest.raises(MappingError):
        compile_mapping(mapping)
