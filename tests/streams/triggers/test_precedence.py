"""Precedence and nesting of operators, unlike Segment's triggers (defect 34).

Segment's `and` and `or` had no precedence, `!( )` was dropped, parentheses did not
nest and `!= true` compared with a text. Each table has rows with other results there.
"""

from typing import Any

import pytest

from streams.triggers.trigger import compile_trigger

A = 'type = "a"'
B = 'event = "b"'
C = 'userId = "c"'
D = "traits.d = true"


@pytest.mark.parametrize(
    ("text", "event", "matches"),
    [
        pytest.param(f"{A} or {B} and {C}", {"type": "a"}, True, id="or-then-and"),
        pytest.param(f"{A} and {B} or {C}", {"type": "a"}, False, id="and-then-or"),
        pytest.param(
            f"{A} and {B} or {C} and {D}",
            {"userId": "c", "traits": {"d": True}},
            True,
            id="two-pairs",
        ),
    ],
)
def test_defect_34_and_binds_tighter_than_or(
    text: str, event: dict[str, Any], *, matches: bool
) -> None:
    """The last operator does not decide for all."""
    trigger = compile_trigger(text)

    assert trigger(event) is matches


@pytest.mark.parametrize(
    ("text", "event", "matches"),
    [
        pytest.param(f"!({A})", {"type": "a"}, False, id="group-holds"),
        pytest.param(f"!({A})", {"type": "x"}, True, id="group-fails"),
        pytest.param(f"!({A} or {B})", {"event": "b"}, False, id="or-inside"),
        pytest.param(f"{A} and !({B})", {"type": "a"}, True, id="after-and"),
        pytest.param(f"not {A}", {"type": "x"}, True, id="the-word-not"),
        pytest.param(f"!{A}", {"type": "a"}, False, id="before-a-comparison"),
        pytest.param(f"!!({A})", {"type": "a"}, True, id="twice"),
        pytest.param(f"NOT ({A}) and {B}", {"event": "b"}, True, id="binds-tightest"),
        pytest.param('!(contains(event, "b"))', {}, True, id="group-of-a-function"),
    ],
)
def test_defect_34_not_negates_its_group(
    text: str, event: dict[str, Any], *, matches: bool
) -> None:
    """A negation before a group is not dropped."""
    trigger = compile_trigger(text)

    assert trigger(event) is matches


@pytest.mark.parametrize(
    ("text", "event", "matches"),
    [
        pytest.param(f"(({A}))", {"type": "a"}, True, id="twice-round-one"),
        pytest.param(f"({A} and ({B} or {C}))", {"type": "a"}, False, id="or-in-and"),
        pytest.param(
            f"{A} and (({B} or {C}) and {D})",
            {"type": "a", "userId": "c", "traits": {"d": True}},
            True,
            id="three-levels",
        ),
        pytest.param(
            f'(contains(event, "b") or {A})', {"type": "a"}, True, id="a-call-inside"
        ),
    ],
)
def test_defect_34_parentheses_nest(
    text: str, event: dict[str, Any], *, matches: bool
) -> None:
    """The first closing parenthesis does not close all groups."""
    trigger = compile_trigger(text)

    assert trigger(event) is matches


@pytest.mark.parametrize(
    ("text", "value", "matches"),
    [
        pytest.param("traits.d != true", True, False, id="true-is-not-unequal"),
        pytest.param("traits.d != true", False, True, id="false-is"),
        pytest.param("traits.d != true", "true", True, id="the-text-is"),
        pytest.param("traits.d != true", None, True, id="nothing-is"),
        pytest.param("traits.d != false", False, False, id="false-is-not-unequal"),
        pytest.param("traits.d != false", True, True, id="true-is"),
    ],
)
def test_defect_34_unequal_to_a_boolean_is_the_opposite_of_equal(
    text: str, value: object, *, matches: bool
) -> None:
    """A boolean is compared with the boolean, not with a text."""
    trigger = compile_trigger(text)

    assert trigger({"traits": {"d": value}}) is matches
