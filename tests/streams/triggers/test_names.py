"""Answers by the names of an event are the answers of the trigger itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.destination.loader import compile_destination
from streams.triggers.names import Names, answers_by_names
from streams.triggers.trigger import compile_trigger

TESTS = (
    'type = "track"',
    'type != "identify"',
    'event = "Order Completed"',
    'event != "Audience Entered"',
    "event = null",
    "event != null",
    'contains(event, "Order")',
    'match(event, "Aud*")',
    'userId = "u-1"',
    'properties.vip = "yes"',
    "properties.total > 5",
)
NAMES = ("track", "identify", "page")
EVENTS = ("Order Completed", "Audience Entered", "Order Refunded", None, 7)

CONDITIONS = st.recursive(
    st.sampled_from(TESTS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} and {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} or {two[1]})"),
    ),
    max_leaves=6,
)
EVENT_BODIES = st.fixed_dictionaries(
    {
        "type": st.sampled_from(NAMES),
        "event": st.sampled_from(EVENTS),
        "userId": st.sampled_from(("u-1", "u-2")),
        "properties": st.sampled_from(({}, {"vip": "yes"}, {"total": 9})),
    }
)


@given(st.lists(CONDITIONS, min_size=1, max_size=5), EVENT_BODIES)
def test_a_destination_finds_the_mappings_that_match(
    texts: list[str], body: dict[str, Any]
) -> None:
    """The mappings by name are those whose triggers match, in the file's order."""
    mappings = [
        {"name": f"m{n}", "action": "trackEvent", "trigger": text}
        for n, text in enumerate(texts)
    ]
    destination = compile_destination({"mappings": mappings})
    found = [rule.name for rule in destination.rules_by_name.matching(body)]
    expected = [n for n, text in enumerate(texts) if compile_trigger(text)(body)]
    assert found == [f"m{n}" for n in expected]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ('type = "track"', {("track", None): True, (None, None): False}),
        ('event != "x"', {(None, "x"): False, (None, None): True}),
        (
            'type = "track" and userId = "u"',
            {("track", None): None, (None, None): False},
        ),
        (
            'event = "x" or contains(event, "y")',
            {(None, "x"): True, (None, None): None},
        ),
        ("properties.total > 5", {(None, None): None}),
        (
            'type = "track" and event = "x"',
            {
                ("track", "x"): True,
                ("track", None): False,
                (None, "x"): False,
                (None, None): False,
            },
        ),
    ],
)
def test_names_decide_what_they_can(
    text: str, answers: dict[Names, bool | None]
) -> None:
    """Each name that is compared has its answers, and all other names have one."""
    assert answers_by_names(compile_trigger(text).node) == answers
