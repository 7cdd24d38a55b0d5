"""Triggers that Segment misreads are rejected or read as intended."""

import pytest

from streams.triggers.errors import TriggerError
from streams.triggers.trigger import compile_trigger


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("type = ", id="no-value"),
        pytest.param('type == "track"', id="two-equals"),
        pytest.param("type = 'track'", id="single-quotes"),
        pytest.param('type = "track")', id="closed-twice"),
        pytest.param('type = "track" event = "X"', id="no-and"),
        pytest.param('contains(event "X")', id="no-comma"),
        pytest.param("match(event)", id="no-pattern"),
        pytest.param("properties.n = 1e1", id="exponent"),
        pytest.param("properties.list.0 = 1", id="digit-without-backslash"),
    ],
)
def test_what_means_nothing_is_refused_at_start(text: str) -> None:
    """Segment accepts such triggers, which never match or match by accident."""
    with pytest.raises(TriggerError):
        compile_trigger(text)


@pytest.mark.parametrize("operator", ["or", "OR", "Or"])
@pytest.mark.parametrize("kind", ["track", "page"])
def test_an_or_in_capitals_is_an_or(operator: str, kind: str) -> None:
    """Segment ignores a capital `OR` and reads `and`."""
    trigger = compile_trigger(f'type = "track" {operator} type = "page"')

    assert trigger({"type": kind})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('type!="page"', id="unequal"),
        pytest.param("properties.n>5", id="more"),
        pytest.param("properties.n<=7", id="at-most"),
        pytest.param("properties.n>=7", id="at-least"),
    ],
)
def test_no_space_is_needed_round_an_operator(text: str) -> None:
    """Segment reads the operator as a part of the neighbouring words."""
    trigger = compile_trigger(text)

    assert trigger({"type": "track", "properties": {"n": 7}})


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        pytest.param('lowercase(event) = "order paid"', True, id="lowercase"),
        pytest.param("length(event) > 10", False, id="length"),
        pytest.param('typeof(properties.n) = "number"', True, id="typeof"),
    ],
)
def test_the_functions_that_segments_destinations_refuse_are_there(
    text: str, *, matches: bool
) -> None:
    """Other products of Segment support the functions."""
    trigger = compile_trigger(text)

    assert trigger({"event": "Order Paid", "properties": {"n": 7}}) is matches
